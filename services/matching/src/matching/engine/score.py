"""What a pair is worth: √(g·h) + a·(g + h), criteria by weight, and a bonus for those who waited.

`g` is what the mentor offers of what the mentee seeks: the share each topic has of the mentee's wishes, times the
mentor's level. `h` is the same the other way round. Both are from 0 to 1; the root makes a one-sided match worth
little.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from matching.engine.problem import LEVELS, Indices, Mask, People, Problem, Scores

_POINTS_OF_A_WEIGHT = 0.01

Met = Callable[[Indices, Indices], Mask]
"""Where a criterion is met, for indices of mentees and mentors that broadcast."""


def tile_scores(problem: Problem, mentees: Indices, mentors: Indices) -> Scores:
    """Points [len(mentees), len(mentors)] of every pair in a tile, allowed or not."""
    policy, seniors, juniors = problem.policy, problem.mentees, problem.mentors
    g: Scores = _wishes(seniors, mentees, problem.topics) @ _levels(juniors, mentors, problem.topics).T
    h: Scores = _levels(seniors, mentees, problem.topics) @ _wishes(juniors, mentors, problem.topics).T
    points: Scores = np.sqrt(g * h)
    points += policy.one_sided * (g + h)
    for _, weight, met in _criteria(problem):
        points += np.where(met(mentees[:, None], mentors[None, :]), weight, 0.0)
    points += policy.waiting_bonus * (seniors.waited[mentees][:, None] + juniors.waited[mentors][None, :])
    return points


def contributions(problem: Problem, mentees: Indices, mentors: Indices) -> dict[str, Scores]:
    """Name → points, one number a pair (mentees[k], mentors[k]). They sum to the pair's score."""
    policy, seniors, juniors = problem.policy, problem.mentees, problem.mentors
    g = np.sum(_wishes(seniors, mentees, problem.topics) * _levels(juniors, mentors, problem.topics), axis=1)
    h = np.sum(_levels(seniors, mentees, problem.topics) * _wishes(juniors, mentors, problem.topics), axis=1)
    points: dict[str, Scores] = {"both_ways": np.sqrt(g * h), "topics": policy.one_sided * (g + h)}
    for name, weight, met in _criteria(problem):
        points[name] = np.where(met(mentees, mentors), weight, 0.0)
    waited: Scores = (seniors.waited[mentees] + juniors.waited[mentors]).astype(np.float64)
    points["waiting"] = policy.waiting_bonus * waited
    return points


def _criteria(problem: Problem) -> list[tuple[str, float, Met]]:
    weights = problem.policy.weights
    criteria: list[tuple[str, int | None, Met]] = [
        ("other_unit", weights.other_unit, partial(_other_unit, problem)),
        ("other_location", weights.other_location, partial(_other_location, problem)),
        ("identity", weights.identity, partial(_same_identity_by_mutual_wish, problem)),
    ]
    return [(name, _POINTS_OF_A_WEIGHT * weight, met) for name, weight, met in criteria if weight is not None]


def _other_unit(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    met: Mask = problem.mentees.unit[mentees] != problem.mentors.unit[mentors]
    return met


def _other_location(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    met: Mask = problem.mentees.location[mentees] != problem.mentors.location[mentors]
    return met


def _same_identity_by_mutual_wish(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    wish = problem.mentees.wish[mentees]
    met: Mask = (wish == problem.mentors.wish[mentors]) & (wish >= 0)
    return met


def _wishes(people: People, rows: Indices, topics: int) -> Scores:
    """Shares of each topic in what somebody seeks; a row sums to 1, or to 0 for whoever seeks nothing."""
    sought = people.seeks.dense(rows, topics)
    shares: Scores = sought / np.maximum(sought.sum(axis=1, keepdims=True), 1)
    return shares


def _levels(people: People, rows: Indices, topics: int) -> Scores:
    """Level of each offered topic, from 0 to 1."""
    return people.offers.dense(rows, topics) / LEVELS
