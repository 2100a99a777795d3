"""As on the round's date, both are at work at the same time for long enough, each in their own zone."""

from functools import partial

import numpy as np

from matching.engine.problem import Codes, Indices, Mask, People, Policy, Problem
from matching.engine.rules.forms import Together, short
from matching.engine.rules.rule import Rule, whole

_HOUR = 60
_DAY = 24 * _HOUR


def overlap_minutes(problem: Problem, mentees: Indices, mentors: Indices) -> Codes:
    """Minutes [len(mentees), len(mentors)] a day at which both work.

    Of UTC's day, whatever the date: in Auckland Tuesday has begun while Los Angeles still works on its Monday.
    """
    first, last = (each[:, None] for each in _of_one_day(problem.mentees, mentees))
    others_first, others_last = (each[None, :] for each in _of_one_day(problem.mentors, mentors))
    minutes: Codes = np.zeros((len(mentees), len(mentors)), np.int32)
    for shift in (-_DAY, 0, _DAY):
        shared = np.minimum(last, others_last + shift) - np.maximum(first, others_first + shift)
        minutes += np.maximum(shared, 0)
    return minutes


def _of_one_day(people: People, chosen: Indices) -> tuple[Codes, Codes]:
    """Start of work, moved into the first day, and its end, a day later at most."""
    start = people.from_minute[chosen]
    length = np.minimum(people.to_minute[chosen] - start, _DAY)
    return start % _DAY, start % _DAY + length


def _allows(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    mask: Mask = overlap_minutes(problem, mentees, mentors) >= problem.policy.minimum_overlap_minutes
    return mask


def _form(problem: Problem) -> Together:
    first, last = _of_one_day(problem.mentees, whole(problem.mentees))
    others_first, others_last = _of_one_day(problem.mentors, whole(problem.mentors))
    return Together(
        mentees_from=_short(first),
        mentees_to=_short(last),
        mentors_from=_short(others_first),
        mentors_to=_short(others_last),
        minutes=problem.policy.minimum_overlap_minutes,
    )


_short = partial(short, "a minute of the day")


def _sentence(policy: Policy) -> str:
    return f"share less than {policy.minimum_overlap_minutes / _HOUR:g} working hours"


WORKING_HOURS = Rule("working_hours", _allows, _form, _sentence)
