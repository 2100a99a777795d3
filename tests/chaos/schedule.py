"""Which fault happens when, from a seed alone: the same seed, length and kinds give the same schedule."""

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

_REST = 3.0
"""Seconds that a target is left in peace after a fault: what was killed comes back first."""


class Kind(Protocol):
    """A kind of fault, as far as a schedule needs it."""

    name: str
    lasts: tuple[float, float]
    """Shortest and longest, in seconds."""

    def draw(self, dice: random.Random) -> dict[str, Any]:
        """Parameters of one fault."""

    def target(self, parameters: Mapping[str, Any]) -> str:
        """What it hits: two faults do not hit the same at once."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault: when, in seconds from the first, and for how long."""

    at: float
    lasts: float
    fault: str
    parameters: Mapping[str, Any]


def draw(seed: int, seconds: float, number: int, kinds: Sequence[Kind]) -> list[Injection]:
    """`number` faults within `seconds`, every kind as often as any other."""
    dice = random.Random(seed)
    by_name = {kind.name: kind for kind in kinds}
    free_at: dict[str, float] = {}
    schedule: list[Injection] = []
    deck: list[str] = []
    step = seconds / max(number, 1)
    for turn in range(number):
        if not deck:
            deck = sorted(by_name)
            dice.shuffle(deck)
        kind = by_name[deck.pop()]
        at = turn * step + dice.uniform(0, step / 2)
        lasts = round(dice.uniform(*kind.lasts), 2)
        drawn = [kind.draw(dice) for _ in range(8)]
        parameters = min(drawn, key=lambda one: max(free_at.get(kind.target(one), 0.0), at))
        at = round(max(at, free_at.get(kind.target(parameters), 0.0)), 2)
        free_at[kind.target(parameters)] = at + lasts + _REST
        schedule.append(Injection(at, lasts, kind.name, parameters))
    return sorted(schedule, key=lambda one: one.at)


def digest(schedule: Sequence[Injection]) -> str:
    """The same for the same schedule, and for no other."""
    text = json.dumps([asdict(injection) for injection in schedule], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
