"""What the demo expects to see. Each expectation has a name; one that takes a moment is polled with a limit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from viceversa.polling import LIMIT_S, until

T = TypeVar("T")


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
