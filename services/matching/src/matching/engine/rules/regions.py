"""Only regions that the program lets meet."""

from matching.engine.problem import Indices, Mask, Policy, Problem
from matching.engine.rules.rule import Rule


def _allows(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    seniors, juniors = problem.mentees.region[mentees], problem.mentors.region[mentors]
    mask: Mask = problem.may_meet[seniors[:, None], juniors[None, :]]
    return mask


def _sentence(_: Policy) -> str:
    return "are in regions that do not meet"


REGIONS = Rule("regions", _allows, _sentence)
