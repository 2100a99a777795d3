"""What the demo expects to see. Each expectation has a name; one that takes a moment is polled with a limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

LIMIT_S = 60.0
"""How long an effect in another service may take before it counts as missing."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that had to happen, and what was seen instead if it did not."""

    name: str
    met: bool
    seen: str


class Expectations:
    """The list that decides how the demo ends."""

    def __init__(self, limit: float = LIMIT_S) -> None:
        self._limit = limit
        self.all: list[Expectation] = []

    @property
    def missed(self) -> list[Expectation]:
        """Those not met."""
        return [expectation for expectation in self.all if not expectation.met]

    def note(self, name: str, *, met: bool, seen: object = "") -> None:
        """Write down whether it was met."""
        self.all.append(Expectation(name, met, str(seen)))

    def equal(self, name: str, seen: object, expected: object) -> None:
        """Met when both are equal."""
        self.note(name, met=seen == expected, seen=seen if seen == expected else f"{seen}, not {expected}")

    async def eventually(self, name: str, look: Callable[[], Awaitable[T]], expected: T) -> None:
        """Look until what is seen equals `expected`, within the limit."""
        seen = await until(look, lambda value: value == expected, self._limit)
        self.equal(name, seen, expected)


async def until(look: Callable[[], Awaitable[T]], satisfied: Callable[[T], bool], limit: float = LIMIT_S) -> T:
    """Look again until satisfied or the limit (seconds) is over; answers what was seen last."""
    end = time.monotonic() + limit
    pause = _FIRST_PAUSE_S
    while not satisfied(seen := await look()) and time.monotonic() < end:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)
    return seen
