"""What a rule is, and all of them together over a tile of the mentees × mentors matrix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from matching.engine.problem import Indices, Mask, People, Policy, Problem
from matching.engine.rules.forms import Form


@dataclass(frozen=True, slots=True)
class Rule:
    """A named reason why two people may not be paired."""

    name: str
    allows: Callable[[Problem, Indices, Indices], Mask]
    """Mask [len(mentees), len(mentors)] over a tile: True where this rule has nothing against the pair."""
    form: Callable[[Problem], Form]
    """The same as numbers of one of the forms that the compiled scan reads, so that it needs no code of its own."""
    sentence: Callable[[Policy], str]
    """What is true of those it removes, after "12 people …"."""
    private: bool = False
    """Whether it says something that only folds into "other wishes"."""

    def removed(self, problem: Problem, mentees: Indices, mentors: Indices) -> int:
        """How many pairs of the tile this rule removes."""
        return int(np.count_nonzero(~self.allows(problem, mentees, mentors)))


def allowed(problem: Problem, mentees: Indices, mentors: Indices, rules: Sequence[Rule]) -> Mask:
    """Mask [len(mentees), len(mentors)]: True where every rule allows the pair."""
    mask = np.ones((len(mentees), len(mentors)), bool)
    for rule in rules:
        mask &= rule.allows(problem, mentees, mentors)
    return mask


def whole(people: People) -> Indices:
    """Everybody of a side."""
    return np.arange(len(people))
