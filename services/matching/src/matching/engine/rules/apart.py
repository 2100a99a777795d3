"""Pairs that were declined, ended or forbidden, or that exist, are not made (again)."""

import numpy as np

from matching.engine.problem import Indices, Mask, Policy, Problem
from matching.engine.rules.forms import Never
from matching.engine.rules.rule import Rule


def _allows(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    row, column = np.full(len(problem.mentees), -1), np.full(len(problem.mentors), -1)
    row[mentees], column[mentors] = np.arange(len(mentees)), np.arange(len(mentors))
    rows, columns = row[problem.apart[0]], column[problem.apart[1]]
    inside = (rows >= 0) & (columns >= 0)
    mask = np.ones((len(mentees), len(mentors)), bool)
    mask[rows[inside], columns[inside]] = False
    return mask


def _form(problem: Problem) -> Never:
    return Never(*problem.apart)


def _sentence(_: Policy) -> str:
    return "are ruled out by other wishes"


APART = Rule("apart", _allows, _form, _sentence, private=True)
