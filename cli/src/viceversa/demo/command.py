"""`viceversa demo`: the whole loop, on a platform of its own or on one that runs."""

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from viceversa.demo.performance import Wishes, perform
from viceversa.demo.surroundings import running, started
from viceversa.platform.refusal import PlatformRefused
from viceversa.platform.screen import SteadyConsole

T = TypeVar("T")

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130


def demo(
    data: Annotated[Path, typer.Option(help="Folder that keeps everything the platform knows.")] = Path(".viceversa"),
    summary: Annotated[
        Path | None, typer.Option(help="Where to write the figures; summary.json in the data folder by default.")
    ] = None,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the platform running afterwards, until Ctrl-C.")] = False,
    people: Annotated[int, typer.Option(min=24, max=50_000, help="How many people sign up.")] = 240,
    seed: Annotated[int, typer.Option(help="The same seed makes the same enterprise.")] = 7,
    kafka: Annotated[
        str | None,
        typer.Option(help="host:port of a Kafka to use instead of the broker in memory.", metavar="HOST:PORT"),
    ] = None,
    platform: Annotated[
        Path | None,
        typer.Option(help="platform.json of a running platform to use instead of starting one.", metavar="FILE"),
    ] = None,
) -> None:
    """Take a sample enterprise through the whole loop and show what happened; exit code 0 when all of it did."""
    if keep and platform is not None:
        raise PlatformRefused("--keep is for a platform that the demo starts; the one of --platform runs on without it")
    surroundings = started(data, kafka) if platform is None else running(platform)
    file = summary or (data if platform is None else platform.parent) / "summary.json"
    wishes = Wishes(people=people, seed=seed, summary=file, keep=keep)
    console = SteadyConsole(highlight=False)
    outcome = asyncio.run(_until_signalled(perform(console, surroundings, wishes), console))
    if outcome is None:
        raise typer.Exit(_INTERRUPTED)
    if not outcome:
        raise typer.Exit(1)


async def _until_signalled(work: Coroutine[None, None, T], console: Console) -> T | None:
    """Do the work, or break it off in good order at the first signal; None then."""
    task = asyncio.create_task(work)
    signals: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        # Once only: a second cancellation would break off the orderly stop that the first one began.
        if not signals:
            console.print(f"stopping, because of {number.name}")
            task.cancel()
        signals.append(number)

    loop = asyncio.get_running_loop()
    for number in _ENDING:
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not signals:
            raise
        return None
