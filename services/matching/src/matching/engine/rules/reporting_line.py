"""Nobody is paired with somebody above or below them in the manager chain, to any depth."""

import numpy as np

from matching.engine.problem import Codes, Indices, Mask, People, Policy, Problem
from matching.engine.rules.forms import Never
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


def _form(problem: Problem) -> Never:
    seniors, juniors = problem.mentees, problem.mentors
    above = _standing(seniors.subject, juniors.above.items, juniors.above.rows_of_items())
    below = _standing(juniors.subject, seniors.above.items, seniors.above.rows_of_items())
    oneself = _standing(seniors.subject, juniors.subject, np.arange(len(juniors)))
    return Never(np.concatenate([above[0], below[1], oneself[0]]), np.concatenate([above[1], below[0], oneself[1]]))


def _standing(subjects: Codes, named: Codes, rows: Indices) -> tuple[Indices, Indices]:
    """(index of `subjects`, row) wherever the row names that subject."""
    order = np.argsort(subjects, kind="stable")
    first = np.searchsorted(subjects[order], named, side="left")
    times = np.searchsorted(subjects[order], named, side="right") - first
    offset = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    return order[np.repeat(first, times) + offset], np.repeat(rows, times)


def _sentence(_: Policy) -> str:
    return "are in the same reporting line"


REPORTING_LINE = Rule("reporting_line", _allows, _form, _sentence)
