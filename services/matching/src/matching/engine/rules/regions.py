"""Only regions that the program lets meet."""

import numpy as np

from matching.engine.problem import Indices, Mask, Policy, Problem
from matching.engine.rules.forms import Bits, Shared
from matching.engine.rules.rule import Rule

_WORD = 32


def _allows(problem: Problem, mentees: Indices, mentors: Indices) -> Mask:
    seniors, juniors = problem.mentees.region[mentees], problem.mentors.region[mentors]
    mask: Mask = problem.may_meet[seniors[:, None], juniors[None, :]]
    return mask


def _form(problem: Problem) -> Shared:
    regions = len(problem.may_meet)
    own = _packed(np.eye(regions, dtype=bool))
    return Shared(_packed(problem.may_meet)[problem.mentees.region], own[problem.mentors.region])


def _packed(masks: Mask) -> Bits:
    """[rows, words] of [rows, regions]."""
    words = max(1, -(-masks.shape[1] // _WORD))
    wide = np.zeros((len(masks), words * _WORD), bool)
    wide[:, : masks.shape[1]] = masks
    return np.packbits(wide, axis=1, bitorder="little").view(np.uint32)


def _sentence(_: Policy) -> str:
    return "are in regions that do not meet"


REGIONS = Rule("regions", _allows, _form, _sentence)
