"""The exact optimum of a small problem, by a dense assignment of slots (scipy's shortest augmenting paths).

A person with capacity c has c slots. Slots alone would let two slots of one mentee take two of the same mentor; where
an optimum does so, that pair gets a gate: one more row and one more column through which it can be made once only.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from matching.engine.problem import Codes, Indices, Mask, Matching, Prefer, Problem, Scores
from matching.engine.rules import RULES, allowed, whole
from matching.engine.score import tile_scores

_TILE = 512


Gates = list[tuple[int, int]]
"""(mentee, mentor) of pairs that can be made once only."""


def assign(problem: Problem) -> Matching:
    """The best matching that breaks no rule; of it, value and bound are one.

    Time grows with the third power of the slots, and about 33 bytes a pair of slots are held.
    """
    rows = _Slots(problem.mentees.capacity, problem.mentees.covered)
    columns = _Slots(problem.mentors.capacity, problem.mentors.covered)
    scores, possible = _matrix(problem)
    gates: Gates = []
    if problem.policy.prefer is Prefer.COVERAGE:
        # Several times faster than the assignment for coverage, and finds most of the gates that this will need.
        gates = _made_twice(_assign(_worth(scores, possible, rows, columns, Prefer.SCORE), rows, columns, gates))
    worth = _worth(scores, possible, rows, columns, problem.policy.prefer)
    while True:
        pairs = _assign(worth, rows, columns, gates)
        twice = _made_twice(pairs)
        if not twice:
            return _matching(np.unique(pairs, axis=0), scores)
        gates = gates + twice


def _made_twice(pairs: Indices) -> Gates:
    distinct, times = np.unique(pairs, axis=0, return_counts=True)
    return [(int(mentee), int(mentor)) for mentee, mentor in distinct[times > 1]]


class _Slots:
    """Places of one side: who each belongs to, and whether it is the one that makes somebody new happy."""

    def __init__(self, capacity: Codes, covered: Mask) -> None:
        self.person: Indices = np.repeat(np.arange(len(capacity)), capacity)
        first = np.ones(len(self.person), bool)
        first[1:] = self.person[1:] != self.person[:-1]
        self.first: Mask = first & ~covered[self.person]


def _matrix(problem: Problem) -> tuple[Scores, Mask]:
    """Scores and rules of all pairs, made tile by tile so that nothing else of this size is ever held."""
    columns = whole(problem.mentors)
    scores = np.zeros((len(problem.mentees), len(problem.mentors)))
    possible = np.zeros(scores.shape, bool)
    for start in range(0, len(problem.mentees), _TILE):
        rows = np.arange(start, min(start + _TILE, len(problem.mentees)))
        scores[rows] = tile_scores(problem, rows, columns)
        possible[rows] = allowed(problem, rows, columns, RULES)
    return scores, possible


def _worth(scores: Scores, possible: Mask, rows: _Slots, columns: _Slots, prefer: Prefer) -> Scores:
    """What each slot pair adds; 0 where it may not be.

    For coverage, a pair outweighs all scores together, and so does each person who had nobody. Most pairs and most
    people are reached at once: a path that adds a pair takes its partner from nobody.
    """
    chosen = np.where(possible, scores, 0)
    worth: Scores = chosen[np.ix_(rows.person, columns.person)]
    if prefer is Prefer.COVERAGE:
        step = 1 + float(chosen.max(initial=0)) * min(worth.shape)
        makes = possible[np.ix_(rows.person, columns.person)]
        worth += makes * step
        worth += (makes & rows.first[:, None]) * step
        worth += (makes & columns.first[None, :]) * step
    return worth


def _assign(worth: Scores, rows: _Slots, columns: _Slots, gates: Gates) -> Indices:
    """(mentee, mentor) of the best assignment of slots in which no gated pair is made twice."""
    height, width = worth.shape
    gated, ceiling = worth, float(worth.max(initial=0))
    if gates:
        gated = np.zeros((height + len(gates), width + len(gates)))
        gated[:height, :width] = worth
    for number, (mentee, mentor) in enumerate(gates):
        of_mentee = np.flatnonzero(rows.person == mentee)
        of_mentor = np.flatnonzero(columns.person == mentor)
        block = np.ix_(of_mentee, of_mentor)
        # Half of the pair's worth on each side of its gate, and more than any pair for leaving the gate shut, so that
        # going through it half-way is never best.
        shares = _shares(worth[block], ceiling)
        gated[block] = 0
        gated[of_mentee, width + number] = shares[0]
        gated[height + number, of_mentor] = shares[1]
        gated[height + number, width + number] = 2 * ceiling
    row, column = linear_sum_assignment(gated, maximize=True)
    made = gated[row, column] > 0
    row, column = row[made], column[made]
    plain = (row < height) & (column < width)
    through = (row < height) & (column >= width)
    pairs = np.stack([rows.person[row[plain]], columns.person[column[plain]]], axis=1)
    opened = np.array([gates[number] for number in column[through] - width], np.int64).reshape(-1, 2)
    return np.concatenate([pairs, opened])


def _shares(block: Scores, ceiling: float) -> tuple[Scores, Scores]:
    """What each slot of the mentee and each of the mentor adds to a pair made through its gate.

    A slot pair's worth is the score, one step, and one more for each first slot; so it is a sum over the two slots.
    """
    lowest = block[-1, -1]
    return ceiling + lowest / 2 + (block[:, -1] - lowest), ceiling + lowest / 2 + (block[-1, :] - lowest)


def _matching(pairs: Indices, scores: Scores) -> Matching:
    mentees, mentors = pairs[:, 0], pairs[:, 1]
    points = scores[mentees, mentors]
    value = float(np.sum(points))
    return Matching(mentees, mentors, points, value, value)
