"""What the checker says of one invariant."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """How much was looked at, and what is wrong, each with the ids that it concerns."""

    name: str
    checked: int
    violations: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, checked: int, violations: Iterable[str]) -> "Finding":
        return cls(name, checked, tuple(violations))
