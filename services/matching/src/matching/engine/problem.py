"""What a round has to solve, as arrays, and what comes out. Memory is linear in the number of people."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]
Scores = NDArray[np.float64]

LEVELS = 5
"""Levels of a topic run from 1 to this."""


Progress = Callable[[int, int], None]
"""Told between rounds of bids: mentees who still look for somebody, and bids made. What it raises ends the solve."""

NO_PAIRS: tuple[Indices, Indices] = (np.zeros(0, np.int64), np.zeros(0, np.int64))


class BadProblem(ValueError):
    """A number in the problem or its policy makes no sense; the message names it."""


class Prefer(StrEnum):
    """What a better matching is."""

    COVERAGE = "coverage"
    """Most people and pairs first, then the sum of scores."""
    SCORE = "score"
    """The sum of scores alone."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weight 1–10 of each criterion, or None where it plays no part. Ten is worth a tenth of a point."""

    other_unit: int | None = 2
    other_location: int | None = 1
    identity: int | None = 2

    def __post_init__(self) -> None:
        for name in ("other_unit", "other_location", "identity"):
            weight = getattr(self, name)
            if weight is not None and not 1 <= weight <= 10:  # noqa: PLR2004 - the range the docstring states
                raise BadProblem(f"the weight of {name} is {weight}; it must be from 1 to 10")


@dataclass(frozen=True, slots=True)
class Policy:
    """How a round decides."""

    minimum_grade_gap: int = 2
    minimum_overlap_minutes: int = 120
    prefer: Prefer = Prefer.COVERAGE
    one_sided: float = 0.1
    """The `a` of √(g·h) + a·(g+h): what a match is worth that helps one side only."""
    waiting_bonus: float = 0.05
    """Points for each round that somebody has waited."""
    keep_bonus: float = 0.0
    """Points that a pair of `Problem.kept` is preferred by. They move the choice and are in no score."""
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        if self.minimum_grade_gap < 1:
            raise BadProblem("minimum_grade_gap must be at least 1: the mentor is the junior")
        if self.minimum_overlap_minutes < 0:
            raise BadProblem("the minimum overlap cannot be negative")
        for name in ("one_sided", "waiting_bonus", "keep_bonus"):
            number = getattr(self, name)
            if not (isfinite(number) and 0 <= number <= 1):
                raise BadProblem(f"{name} is {number}; it must be from 0 to 1")


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows of unequal length: row `p` is `items[starts[p]:starts[p + 1]]`."""

    starts: NDArray[np.int64]
    items: Codes
    values: NDArray[np.float64]
    """One number an item: a topic's level; zero where rows are plain sets."""

    def rows_of_items(self) -> Indices:
        """Row of each item, as long as `items`."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def dense(self, rows: Indices, width: int) -> Scores:
        """The chosen rows as a matrix [len(rows), width]."""
        matrix = np.zeros((len(rows), width))
        lengths = self.starts[rows + 1] - self.starts[rows]
        row = np.repeat(np.arange(len(rows)), lengths)
        offset = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        item = np.repeat(self.starts[rows], lengths) + offset
        matrix[row, self.items[item]] = self.values[item]
        return matrix


@dataclass(frozen=True, slots=True)
class People:
    """One side of the problem; index `p` of every array is the same person. `n` people."""

    grade: Codes
    region: Codes
    unit: Codes
    location: Codes
    languages: NDArray[np.uint64]
    """[n, words]: one bit a language."""
    from_minute: Codes
    to_minute: Codes
    """Working hours on the round's date, in minutes of UTC after that date's midnight; before it, negative."""
    subject: Codes
    above: Ragged
    """Subjects above this person in the manager chain, to any depth."""
    offers: Ragged
    seeks: Ragged
    """Topics and their levels 1–5."""
    capacity: Codes
    """How many further partners this person may get."""
    covered: Mask
    """Has a partner already, so that a further one makes nobody new happy."""
    waited: Codes
    """Rounds missed."""
    wish: Codes
    """Identity that this person wishes to share with a partner; -1 without such a wish."""

    def __len__(self) -> int:
        return len(self.grade)


@dataclass(frozen=True, slots=True)
class Problem:
    """Mentees (senior) are rows, mentors (junior) are columns of every matrix."""

    mentees: People
    mentors: People
    topics: int
    subjects: int
    may_meet: Mask
    """[regions, regions], symmetric."""
    apart: tuple[Indices, Indices]
    """(mentee, mentor) of pairs that were declined, ended, forbidden or exist."""
    policy: Policy
    locked: tuple[Indices, Indices] = NO_PAIRS
    """(mentee, mentor) of pairs that are made whatever the rules say; each once."""
    kept: tuple[Indices, Indices] = NO_PAIRS
    """(mentee, mentor) of pairs that a draft before this one had."""

    def __post_init__(self) -> None:
        for side, people in (("mentees", self.mentees), ("mentors", self.mentors)):
            for name in ("offers", "seeks"):
                levels = getattr(people, name).values
                if not np.all((levels >= 1) & (levels <= LEVELS) & (levels == np.floor(levels))):
                    raise BadProblem(f"{name} of {side} hold a level that is not one of 1 to {LEVELS}")
            if np.any(people.capacity < 0) or np.any(people.waited < 0):
                raise BadProblem(f"capacity and rounds waited of {side} cannot be negative")
        for name in ("apart", "locked", "kept"):
            for people, indices in zip((self.mentees, self.mentors), getattr(self, name), strict=True):
                if np.any(indices < 0) or np.any(indices >= len(people)):
                    raise BadProblem(f"{name} holds somebody who is not in the problem")


@dataclass(frozen=True, slots=True)
class Matching:
    """Chosen pairs, ordered by mentee and mentor index."""

    mentees: Indices
    mentors: Indices
    scores: Scores
    """One a pair, in points; a pair that fits both perfectly has about 1.2."""
    value: float
    """Sum of scores."""
    bound: float
    """No matching of the same coverage (or, by score, none at all) has a larger sum. Exact here: equal to `value`."""

    def __len__(self) -> int:
        return len(self.mentees)
