"""A problem solved: small ones to the exact optimum, large ones to a certified distance from it."""

from dataclasses import replace
from math import isfinite

import numpy as np

from matching.engine.assignment import assign
from matching.engine.problem import BadProblem, Codes, Indices, Matching, Problem, Progress
from matching.engine.score import scores_of

LARGEST_SIDE = 250_000
"""People on one side. At 400 topics each takes about 1.5 kB."""

_EXACT_UP_TO = 1_000_000
"""Places of mentees × places of mentors: a tenth of a second, and 33 MB."""
_FINEST = 1e-6
"""Single precision tells no smaller steps of a price apart: an auction with one would not end."""
_FINE, _COARSE = 0.0004, 0.002
_FINE_UP_TO = 2_600_000_000


class ProblemTooLarge(ValueError):
    """More people than a round can take."""


def solve(
    problem: Problem, *, epsilon: float | None = None, threads: int | None = None, progress: Progress | None = None
) -> Matching:
    """A matching that breaks no rule, but for pairs that are locked. Same input, same result, on any number of threads.

    A large problem is solved to within places × 1.5 ε points of the best there is; `epsilon` asks for that way, with
    this ε, for a small one too. Raises ProblemTooLarge and BadProblem.
    """
    if max(len(problem.mentees), len(problem.mentors)) > LARGEST_SIDE:
        raise ProblemTooLarge(f"there are more than {LARGEST_SIDE} people on one side")
    if epsilon is not None and not (isfinite(epsilon) and _FINEST <= epsilon <= 1):
        raise BadProblem(f"epsilon is {epsilon}; it must be from {_FINEST:g} to 1 points")
    if threads is not None and threads < 1:
        raise BadProblem(f"threads is {threads}; at least one is needed")
    open_problem = _without_locked(problem)
    places = int(problem.mentees.capacity.sum()) * int(problem.mentors.capacity.sum())
    if epsilon is None and places <= _EXACT_UP_TO:
        found = assign(open_problem)
    else:
        # It takes a hundred megabytes and half a second to import, which small rounds need not pay.
        from matching.engine.large import solve_many  # noqa: PLC0415

        chosen = epsilon if epsilon is not None else (_FINE if places <= _FINE_UP_TO else _COARSE)
        found = solve_many(open_problem, epsilon=chosen, threads=threads, progress=progress or _unheard)
    return _with_locked(problem, found)


def _unheard(_: int, __: int) -> None:
    """Nobody asked."""


def _without_locked(problem: Problem) -> Problem:
    mentees, mentors = problem.locked
    if not len(mentees):
        return problem

    def rest(capacity: Codes, locked: Indices) -> Codes:
        left = capacity - np.bincount(locked, minlength=len(capacity)).astype(np.int32)
        if np.any(left < 0):
            raise BadProblem("somebody is locked into more pairs than they have places")
        return left

    if len(np.unique(np.stack(problem.locked), axis=1).T) < len(mentees):
        raise BadProblem("a pair is locked twice")
    seniors, juniors = problem.mentees, problem.mentors
    covered = seniors.covered.copy(), juniors.covered.copy()
    covered[0][mentees] = covered[1][mentors] = True
    apart = tuple(np.concatenate(both) for both in zip(problem.apart, problem.locked, strict=True))
    return replace(
        problem,
        mentees=replace(seniors, capacity=rest(seniors.capacity, mentees), covered=covered[0]),
        mentors=replace(juniors, capacity=rest(juniors.capacity, mentors), covered=covered[1]),
        apart=(apart[0], apart[1]),
    )


def _with_locked(problem: Problem, found: Matching) -> Matching:
    if not len(problem.locked[0]):
        return found
    scores = scores_of(problem, *problem.locked)
    mentees = np.concatenate([found.mentees, problem.locked[0]])
    mentors = np.concatenate([found.mentors, problem.locked[1]])
    order = np.lexsort([mentors, mentees])
    return Matching(
        mentees[order],
        mentors[order],
        np.concatenate([found.scores, scores])[order],
        found.value + float(scores.sum()),
        found.bound + float(scores.sum()),
    )
