"""Why a pair was made: what each can teach the other, when and in which language they meet, and the score's parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matching.engine.people import Person, primary_language
from matching.engine.problem import Matching, Problem
from matching.engine.rules.working_hours import overlap_minutes
from matching.engine.score import contributions

_MOST_TOPICS = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """Facts about one pair, and only those that both may learn."""

    mentee: int
    mentor: int
    score: float
    contributions: dict[str, float]
    """Name → points; they sum to `score`."""
    mentor_teaches: tuple[str, ...]
    """What the mentee seeks and the mentor offers, best first."""
    mentee_teaches: tuple[str, ...]
    languages: tuple[str, ...]
    overlap_minutes: int


def explain(
    problem: Problem, matching: Matching, mentees: Sequence[Person], mentors: Sequence[Person]
) -> list[Explanation]:
    """One explanation a pair, in the matching's order. `mentees` and `mentors` are those the problem was made of."""
    parts = contributions(problem, matching.mentees, matching.mentors)
    names = list(parts)
    points = np.stack([parts[name] for name in names], axis=1)
    explained = []
    for k, (i, j) in enumerate(zip(matching.mentees.tolist(), matching.mentors.tolist(), strict=True)):
        senior, junior = mentees[i], mentors[j]
        explained.append(
            Explanation(
                mentee=i,
                mentor=j,
                score=float(points[k].sum()),
                contributions=dict(zip(names, points[k].tolist(), strict=True)),
                mentor_teaches=_taught(junior, senior),
                mentee_teaches=_taught(senior, junior),
                languages=tuple(sorted(_languages(senior) & _languages(junior))),
                overlap_minutes=int(overlap_minutes(problem, np.array([i]), np.array([j]))[0, 0]),
            )
        )
    return explained


def _taught(teacher: Person, learner: Person) -> tuple[str, ...]:
    common = teacher.offers.keys() & learner.seeks.keys()
    best_first = sorted(common, key=lambda topic: (-teacher.offers[topic] * learner.seeks[topic], topic))
    return tuple(best_first[:_MOST_TOPICS])


def _languages(person: Person) -> set[str]:
    return {primary_language(tag) for tag in person.languages}
