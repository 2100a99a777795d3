"""Machine time: what pauses and limits are measured in. It is passed in, so that a test can let it pass."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol


class Timer(Protocol):
    """Something that will be done later: `asyncio.TimerHandle` has it."""

    def cancel(self) -> None:
        """Do it no more."""


class MachineTime(Protocol):
    """Seconds that only go forward; domain time is `clock.Clock`."""

    def now(self) -> float:
        """Seconds since a moment that means nothing."""

    async def sleep(self, seconds: float) -> None:
        """Return when they have passed."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call it when they have passed."""


class LoopTime:
    """The event loop's."""

    def now(self) -> float:
        """Seconds since a moment that means nothing."""
        return monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return when they have passed."""
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call it when they have passed."""
        return asyncio.get_running_loop().call_later(seconds, callback)
