"""Both speak at least one common language."""

import numpy as np

from matching.engine.problem import Indices, Mask, Policy, Problem
from matching.engine.rules.forms import Shared
from matching.engine.rules.rule import Rule


def _allows(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    spoken, understood = problem.mentees.languages[mentees], problem.mentors.languages[mentors]
    mask = np.zeros((len(mentees), len(mentors)), bool)
    for word in range(spoken.shape[1]):
        mask |= (spoken[:, word][:, None] & understood[:, word][None, :]) != 0
    return mask


def _form(problem: Problem) -> Shared:
    return Shared(problem.mentees.languages.view(np.uint32), problem.mentors.languages.view(np.uint32))


def _sentence(_: Policy) -> str:
    return "share no language"


LANGUAGES = Rule("languages", _allows, _form, _sentence)
