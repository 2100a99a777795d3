"""Nobody is paired with somebody above or below them in the manager chain, to any depth."""

import numpy as np

from matching.engine.problem import Indices, Mask, People, Policy, Problem
from matching.engine.rules.rule import Rule


def _allows(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    seniors, juniors = problem.mentees, problem.mentors
    above = _stands_above(problem.subjects, seniors, mentees, juniors, mentors)
    below = _stands_above(problem.subjects, juniors, mentors, seniors, mentees).T
    oneself: Mask = seniors.subject[mentees][:, None] == juniors.subject[mentors][None, :]
    return ~(above | below | oneself)


def _stands_above(subjects: int, people: People, chosen: Indices, others: People, of: Indices) -> Mask:
    """Mask [len(chosen), len(of)]: True where the person in `chosen` is above the one in `of`."""
    order = np.argsort(people.subject[chosen], kind="stable")
    sorted_subjects = people.subject[chosen][order]
    column = np.full(len(others), -1)
    column[of] = np.arange(len(of))
    columns = column[others.above.rows_of_items()]
    inside = columns >= 0
    columns, items = columns[inside], others.above.items[inside]
    first = np.searchsorted(sorted_subjects, np.arange(subjects), side="left")
    last = np.searchsorted(sorted_subjects, np.arange(subjects), side="right")
    mask = np.zeros((len(chosen), len(of)), bool)
    found = last[items] > first[items]
    while np.any(found):  # more than once only where a subject stands on this side twice
        mask[order[first[items[found]]], columns[found]] = True
        first = first + 1
        found = last[items] > first[items]
    return mask


def _sentence(_: Policy) -> str:
    return "are in the same reporting line"


REPORTING_LINE = Rule("reporting_line", _allows, _sentence)
