"""On the round's date, both are at work at the same time for long enough, each in their own zone."""

import numpy as np

from matching.engine.problem import Codes, Indices, Mask, Policy, Problem
from matching.engine.rules.rule import Rule

_HOUR = 60


def overlap_minutes(problem: Problem, mentees: Indices, mentors: Indices) -> Codes:
    """Minutes [len(mentees), len(mentors)] at which both work."""
    seniors, juniors = problem.mentees, problem.mentors
    ends = np.minimum(seniors.to_minute[mentees][:, None], juniors.to_minute[mentors][None, :])
    starts = np.maximum(seniors.from_minute[mentees][:, None], juniors.from_minute[mentors][None, :])
    minutes: Codes = np.maximum(ends - starts, 0)
    return minutes


def _allows(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    mask: Mask = overlap_minutes(problem, mentees, mentors) >= problem.policy.minimum_overlap_minutes
    return mask


def _sentence(policy: Policy) -> str:
    return f"share less than {policy.minimum_overlap_minutes / _HOUR:g} working hours"


WORKING_HOURS = Rule("working_hours", _allows, _sentence)
