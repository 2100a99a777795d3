"""A matching of many: the auction over lazily scanned pairs, for value or for coverage first, and its certificate."""

from functools import partial

import numpy as np

from matching.engine.auction import Limits, Outcome, auction
from matching.engine.certificate import bound_of
from matching.engine.coverage import Cover, Side, cover_of
from matching.engine.problem import NO_PAIRS, Matching, Prefer, Problem, Progress
from matching.engine.scanning import Scan
from matching.engine.score import largest_score, scores_of
from matching.engine.tables import Tables, tables_of

_CLOSED = -1
"""Kind of mentors without a place: of no mentee."""
_MOST_DEPTH = 64.0
"""Times the largest score: no place that must be taken is worth less to anybody."""


class NotCovered(RuntimeError):
    """The proof of coverage does not close, or the auction left places that every largest matching takes."""


def solve_many(problem: Problem, *, epsilon: float, threads: int | None, progress: Progress) -> Matching:
    """A matching whose value is within places × 1.5 ε of the best there is, and the proof of how near it came."""
    if not len(problem.mentees) or not len(problem.mentors):
        return Matching(*NO_PAIRS, np.zeros(0), 0.0, 0.0)
    tables = tables_of(problem)
    scan = Scan(tables, threads)
    limits, locked, most = _without_cover(problem, tables), NO_PAIRS, largest_score(problem)
    if problem.policy.prefer is Prefer.COVERAGE:
        cover = _cover(problem, scan, threads)
        if cover.pairs != cover.bound:
            raise NotCovered(f"{cover.pairs} pairs were found, and {cover.bound} are not ruled out")
        limits, locked, scan.kinds = cover.limits, cover.locked, cover.kinds
    scan.kinds[1][: len(limits.mentors_most)][limits.mentors_most == 0] = _CLOSED
    sticky = problem.policy.keep_bonus > 0 and len(problem.kept[0]) > 0
    found = _auctioned(scan, limits, epsilon, most, kept=sticky, progress=progress)
    # Prices of a solve with the bonus prove nothing about the scores without it.
    proving = _auctioned(scan, limits, epsilon, most, kept=False, progress=progress) if sticky else found
    bound = bound_of(scan, limits, proving.prices, most)
    rows = np.concatenate([found.mentees, locked[0]])
    mentors = tables.mentor[np.concatenate([found.columns, locked[1]])]
    order = np.lexsort([mentors, rows])
    rows, mentors = rows[order], mentors[order]
    scores = scores_of(problem, rows, mentors)
    bound += float(scores_of(problem, locked[0], tables.mentor[locked[1]]).sum())
    return Matching(rows, mentors, scores, float(scores.sum()), bound)


def _without_cover(problem: Problem, tables: Tables) -> Limits:
    seniors, juniors = problem.mentees.capacity, problem.mentors.capacity[tables.mentor]
    return Limits(np.zeros_like(seniors), seniors, np.zeros_like(juniors), juniors)


def _cover(problem: Problem, scan: Scan, threads: int | None) -> Cover:
    order = scan.tables.mentor
    column = np.empty(len(order), np.int64)
    column[order] = np.arange(len(order))
    mentees = Side(problem.mentees.capacity, ~problem.mentees.covered)
    mentors = Side(problem.mentors.capacity[order], ~problem.mentors.covered[order])
    return cover_of(scan, lambda: Scan(tables_of(problem, mirrored=True), threads), mentees, mentors, column)


def _auctioned(scan: Scan, limits: Limits, epsilon: float, most: float, *, kept: bool, progress: Progress) -> Outcome:
    """Places that must be taken are offered below zero: deeper takes longer, so only where it is needed."""
    wanted = int(limits.mentors_least.sum())
    depth = most if wanted else 0.0
    run = partial(auction, scan, limits, epsilon, most=most, kept=kept, progress=progress)
    while True:
        outcome = run(start=-depth)
        taken = np.bincount(outcome.columns, minlength=len(limits.mentors_most))
        had = np.bincount(outcome.mentees, minlength=len(limits.mentees_most))
        if np.all(had >= limits.mentees_least) and np.all(taken >= limits.mentors_least):
            return outcome
        depth *= 2
        if not wanted or depth > _MOST_DEPTH * most:
            raise NotCovered("places were left that must be taken")
