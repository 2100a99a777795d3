"""Reverse mentoring: the mentor is junior to the mentee, by a minimum of grades."""

from matching.engine.problem import Indices, Mask, Policy, Problem
from matching.engine.rules.forms import AtMost, short
from matching.engine.rules.rule import Rule


def _allows(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    gap = problem.mentees.grade[mentees][:, None] - problem.mentors.grade[mentors][None, :]
    mask: Mask = gap >= problem.policy.minimum_grade_gap
    return mask


def _form(problem: Problem) -> AtMost:
    highest = problem.mentees.grade - problem.policy.minimum_grade_gap
    return AtMost(short("grade", highest), short("grade", problem.mentors.grade))


def _sentence(policy: Policy) -> str:
    return f"are not {policy.minimum_grade_gap} or more grades apart, with the mentor as the junior"


GRADE_GAP = Rule("grade_gap", _allows, _form, _sentence)
