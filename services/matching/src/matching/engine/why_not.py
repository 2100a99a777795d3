"""Why somebody was left out: what each rule removed for them, and how many possible partners went to others."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from matching.engine.problem import Indices, Mask, Matching, Problem
from matching.engine.rules import RULES, whole

_TILE = 512


class Side(StrEnum):
    """Which side of the problem somebody stands on."""

    MENTEE = "mentee"
    MENTOR = "mentor"


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Counts for one unmatched person. Rules overlap: one person may be removed by several."""

    side: Side
    index: int
    others: int
    """People on the other side."""
    removed: dict[str, int]
    """Rule → how many of the other side it removes for this person."""
    taken: int
    """How many no rule removes; in an optimum their places went to others, or were worth nothing."""


def why_not(problem: Problem, matching: Matching) -> list[WhyNot]:
    """One entry for each person without any partner, mentees first. Never changes the matching."""
    return [
        *_of_side(problem, Side.MENTEE, _left_out(problem.mentees.covered, matching.mentees)),
        *_of_side(problem, Side.MENTOR, _left_out(problem.mentors.covered, matching.mentors)),
    ]


def _left_out(covered: Mask, matched: Indices) -> Indices:
    alone = ~covered
    alone[matched] = False
    return np.flatnonzero(alone)


def _of_side(problem: Problem, side: Side, people: Indices) -> list[WhyNot]:
    reasons = []
    for start in range(0, len(people), _TILE):
        reasons += _of_tile(problem, side, people[start : start + _TILE])
    return reasons


def _of_tile(problem: Problem, side: Side, people: Indices) -> list[WhyNot]:
    others = whole(problem.mentors if side is Side.MENTEE else problem.mentees)
    tile, axis = ((people, others), 1) if side is Side.MENTEE else ((others, people), 0)
    possible = np.ones((len(tile[0]), len(tile[1])), bool)
    removed: dict[str, list[int]] = {}
    for rule in RULES:
        mask = rule.allows(problem, *tile)
        removed[rule.name] = np.count_nonzero(~mask, axis=axis).tolist()
        possible &= mask
    taken = np.count_nonzero(possible, axis=axis).tolist()
    return [
        WhyNot(
            side=side,
            index=index,
            others=len(others),
            removed={rule.name: removed[rule.name][k] for rule in RULES},
            taken=taken[k],
        )
        for k, index in enumerate(people.tolist())
    ]
