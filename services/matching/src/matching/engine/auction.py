"""A lazy, exact forward auction (Bertsekas 1979): mentees bid for places of mentors, who go to the highest bid.

A mentee knows the best `width` mentors of a scan by heart, and the value τ of the worst of these. Prices only rise, so
τ bounds every pair that is not known: while the best known is not below τ - δ, a bid is as good as one over all pairs;
else the row is scanned again. Each pair made is then within ε + δ of the best that its mentee can have at these prices,
which bounds the gap to the optimum by places × (ε + δ).
"""

from typing import NamedTuple

import numpy as np

from matching.engine.compiled.bids import bid
from matching.engine.compiled.scan import NEVER
from matching.engine.problem import Codes, Indices, Progress
from matching.engine.scanning import POSSIBLE, Scan
from matching.engine.tables import Floats

_WIDTH = 64
_NOBODY = -1


class Limits(NamedTuple):
    """How many partners each side may and must have. A place beyond the least is left when it is worth nothing."""

    mentees_least: Codes
    mentees_most: Codes
    mentors_least: Codes
    """Places that must be taken; they start below zero."""
    mentors_most: Codes


class Outcome(NamedTuple):
    """Pairs, and the prices that prove how good they are."""

    mentees: Indices
    columns: Indices
    prices: Floats
    """[columns]: the cheapest place of each mentor."""


class _Places(NamedTuple):
    """Places of mentors, those of one after the other."""

    first: Indices
    """First place of each column, and the end."""
    owner: Codes
    price: Floats


class _Known(NamedTuple):
    """What mentees know by heart."""

    columns: Codes
    """[n, width]"""
    scores: Floats
    bound: Floats
    """τ of each row."""


def auction(
    scan: Scan,
    limits: Limits,
    epsilon: float,
    *,
    start: float,
    most: float,
    kept: bool,
    progress: Progress,
) -> Outcome:
    """Pairs of a problem. `start` is the price of places that must be taken, at most 0; `most` bounds a raise.

    Same input, same result: bids are made one after the other, and a scan does not depend on its threads.
    """
    mentees, mentors = len(limits.mentees_most), len(limits.mentors_most)
    first = np.zeros(mentors + 1, np.int64)
    np.cumsum(limits.mentors_most, out=first[1:])
    places = _Places(first, np.full(first[-1], _NOBODY, np.int32), np.zeros(first[-1], np.float32))
    within = np.arange(first[-1]) - np.repeat(first[:-1], limits.mentors_most)
    places.price[within < np.repeat(limits.mentors_least, limits.mentors_most)] = start
    prices = np.zeros(scan.padded, np.float32)
    prices[:mentors][(limits.mentors_least > 0) & (limits.mentors_most > 0)] = start
    floors = np.where(limits.mentees_least > 0, POSSIBLE, 0).astype(np.float32)
    delta = epsilon / 2
    known = _Known(
        np.full((mentees, _WIDTH), _NOBODY, np.int32),
        np.full((mentees, _WIDTH), NEVER, np.float32),
        np.full(mentees, np.inf, np.float32),
    )
    held = np.full((mentees, max(1, int(limits.mentees_most.max(initial=0)))), _NOBODY, np.int32)
    left = limits.mentees_most.copy()
    """Partners that each may still have: places given up count no more."""
    queue = np.repeat(np.arange(mentees, dtype=np.int32), limits.mentees_most)
    waiting = np.empty(len(queue), np.int32)
    steps = np.float32(epsilon), np.float32(delta), np.float32(most)
    bids = 0
    while len(queue):
        _learn(scan, known, np.unique(queue), prices, floors, kept=kept)
        more, made = bid(queue, waiting, known, held, left, limits.mentees_least, floors, places, prices, steps)
        queue = waiting[:more].copy()
        bids += made
        progress(len(queue), bids)
    rows, slots = np.nonzero(held != _NOBODY)
    return Outcome(rows, held[rows, slots].astype(np.int64), prices[:mentors])


def _learn(scan: Scan, known: _Known, rows: Codes, prices: Floats, floors: Floats, *, kept: bool) -> None:
    values, columns = scan.best(rows, prices, floors, known.columns.shape[1], kept=kept)
    known.columns[rows] = columns
    known.scores[rows] = np.where(columns == _NOBODY, NEVER, values + prices[columns])
    known.bound[rows] = values[:, 0]
