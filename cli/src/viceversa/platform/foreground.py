"""`viceversa up`: the platform in front of a person, until a signal ends it."""

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from viceversa.platform.local import LocalPlatform
from viceversa.platform.screen import Screen, SteadyConsole
from viceversa.platform.services import SERVICES

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_until_signalled(
    data: Path, kafka: str | None, console: SteadyConsole, *, services: Mapping[str, Sequence[str]] = SERVICES
) -> None:
    """Start the platform, show it, and stop it in good order at the first signal, even half-way through its start.

    Raises:
        PlatformRefused: it could not start.
    """
    screen = Screen(console, lambda: platform.processes)
    platform = LocalPlatform(data, kafka, services=services, changed=screen.changed, remarked=screen.remark)
    with screen:
        serving = asyncio.create_task(_serve(platform, screen))
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            loop.add_signal_handler(number, _end, serving, screen)
        try:
            await asyncio.wait({serving})
        finally:
            for number in _ENDING:
                loop.remove_signal_handler(number)
        if not serving.cancelled():
            serving.result()
        screen.remark(f"stopped; the data stays in {platform.data}")


async def _serve(platform: LocalPlatform, screen: Screen) -> None:
    began = time.monotonic()
    async with platform:
        screen.remark(f"ready in {time.monotonic() - began:.1f} s; Ctrl-C stops everything")
        screen.remark(f"addresses and passwords: {platform.data}/platform.json")
        await asyncio.Event().wait()


def _end(serving: asyncio.Task[None], screen: Screen) -> None:
    # Once only: a second cancellation would break off the orderly stop that the first one began.
    if not serving.cancelling():
        serving.cancel()
        screen.remark("stopping")
