"""Machine time that a test lets pass; nothing in it takes any time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

_TICK = 1e-6


@dataclass(slots=True, eq=False)
class _Timer:
    at: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(slots=True)
class SimulatedTime:
    """`MachineTime` that stands still, but for a tick at each look, until somebody sleeps or `passes` is called."""

    _now: float = 0.0
    _timers: list[_Timer] = field(default_factory=list)

    def now(self) -> float:
        """Seconds since the beginning."""
        self._now += _TICK
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Let them pass at once, for everybody."""
        await asyncio.sleep(0)
        self.passes(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> _Timer:
        """Call it when so much has passed."""
        timer = _Timer(self._now + seconds, callback)
        self._timers.append(timer)
        return timer

    def passes(self, seconds: float) -> None:
        """Do what is due by then, in order."""
        until = self._now + seconds
        while due := [timer for timer in self._timers if timer.at <= until and not timer.cancelled]:
            timer = min(due, key=lambda one: one.at)
            self._timers.remove(timer)
            self._now = max(self._now, timer.at)
            timer.callback()
        self._timers = [timer for timer in self._timers if not timer.cancelled]
        self._now = until
