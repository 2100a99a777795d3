"""What a pair is worth: √(g·h) + a·(g + h), criteria by weight, and a bonus for those who waited.

`g` is what the mentor offers of what the mentee seeks: the share each topic has of the mentee's wishes, times the
mentor's level. `h` is the same the other way round. Both are from 0 to 1; the root makes a one-sided match worth
little.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.engine.problem import LEVELS, Codes, Indices, Mask, People, Problem, Scores

_POINTS_OF_A_WEIGHT = 0.01
_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Criterion:
    """Points for a pair whose codes are the same, or differ."""

    name: str
    points: float
    mentees: Codes
    mentors: Codes
    same: bool

    def met(self, mentees: Indices, mentors: Indices) -> Mask:
        """Where it is met, for indices that broadcast."""
        mask: Mask = (self.mentees[mentees] == self.mentors[mentors]) == self.same
        return mask


def tile_scores(problem: Problem, mentees: Indices, mentors: Indices) -> Scores:
    """Points [len(mentees), len(mentors)] of every pair in a tile, allowed or not."""
    policy, seniors, juniors = problem.policy, problem.mentees, problem.mentors
    g: Scores = _wishes(seniors, mentees, problem.topics) @ _levels(juniors, mentors, problem.topics).T
    h: Scores = _levels(seniors, mentees, problem.topics) @ _wishes(juniors, mentors, problem.topics).T
    points: Scores = np.sqrt(g * h)
    points += policy.one_sided * (g + h)
    for criterion in criteria(problem):
        points += np.where(criterion.met(mentees[:, None], mentors[None, :]), criterion.points, 0.0)
    points += policy.waiting_bonus * (seniors.waited[mentees][:, None] + juniors.waited[mentors][None, :])
    return points


def contributions(problem: Problem, mentees: Indices, mentors: Indices) -> dict[str, Scores]:
    """Name → points, one number a pair (mentees[k], mentors[k]). They sum to the pair's score."""
    policy, seniors, juniors = problem.policy, problem.mentees, problem.mentors
    g = np.sum(_wishes(seniors, mentees, problem.topics) * _levels(juniors, mentors, problem.topics), axis=1)
    h = np.sum(_levels(seniors, mentees, problem.topics) * _wishes(juniors, mentors, problem.topics), axis=1)
    points: dict[str, Scores] = {"both_ways": np.sqrt(g * h), "topics": policy.one_sided * (g + h)}
    for criterion in criteria(problem):
        points[criterion.name] = np.where(criterion.met(mentees, mentors), criterion.points, 0.0)
    waited: Scores = (seniors.waited[mentees] + juniors.waited[mentors]).astype(np.float64)
    points["waiting"] = policy.waiting_bonus * waited
    return points


def scores_of(problem: Problem, mentees: Indices, mentors: Indices) -> Scores:
    """One score a pair (mentees[k], mentors[k])."""
    scores = np.zeros(len(mentees))
    for start in range(0, len(mentees), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        for points in contributions(problem, mentees[part], mentors[part]).values():
            scores[part] += points
    return scores


def largest_score(problem: Problem) -> float:
    """What no pair exceeds."""
    policy = problem.policy
    waited = int(problem.mentees.waited.max(initial=0)) + int(problem.mentors.waited.max(initial=0))
    points = sum(criterion.points for criterion in criteria(problem))
    return 1 + 2 * policy.one_sided + points + policy.waiting_bonus * waited + policy.keep_bonus


def criteria(problem: Problem) -> Sequence[Criterion]:
    """Those that the policy gives a weight. A wish is met by the same wish alone, so those without one never meet."""
    weights, seniors, juniors = problem.policy.weights, problem.mentees, problem.mentors
    without_wish = np.int32(-2)
    wishes = np.where(juniors.wish < 0, without_wish, juniors.wish)
    every: list[tuple[str, int | None, Codes, Codes, bool]] = [
        ("other_unit", weights.other_unit, seniors.unit, juniors.unit, False),
        ("other_location", weights.other_location, seniors.location, juniors.location, False),
        ("identity", weights.identity, seniors.wish, wishes, True),
    ]
    return [
        Criterion(name, _POINTS_OF_A_WEIGHT * weight, mentees, mentors, same)
        for name, weight, mentees, mentors, same in every
        if weight is not None
    ]


def _wishes(people: People, rows: Indices, topics: int) -> Scores:
    """Shares of each topic in what somebody seeks; a row sums to 1, or to 0 for whoever seeks nothing."""
    sought = people.seeks.dense(rows, topics)
    shares: Scores = sought / np.maximum(sought.sum(axis=1, keepdims=True), 1)
    return shares


def _levels(people: People, rows: Indices, topics: int) -> Scores:
    """Level of each offered topic, from 0 to 1."""
    return people.offers.dense(rows, topics) / LEVELS
