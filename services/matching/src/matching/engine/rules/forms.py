"""The forms in which a rule is told to the compiled scan: numbers of each side, and how they are compared.

Mentees are rows [n], mentors are columns [m]. Numbers are narrow, since the scan is as fast as they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matching.engine.problem import BadProblem, Indices

Short = NDArray[np.int16]
Bits = NDArray[np.uint32]

_LARGEST = np.iinfo(np.int16).max


@dataclass(frozen=True, slots=True)
class AtMost:
    """The mentor's number is at most the mentee's."""

    mentees: Short
    mentors: Short

    def mirrored(self) -> "AtMost":
        """The same with the sides exchanged."""
        return AtMost(-self.mentors, -self.mentees)


@dataclass(frozen=True, slots=True)
class Shared:
    """Both have a bit in common."""

    mentees: Bits
    """[n, words]"""
    mentors: Bits
    """[m, words]"""

    def mirrored(self) -> "Shared":
        """The same with the sides exchanged."""
        return Shared(self.mentors, self.mentees)


@dataclass(frozen=True, slots=True)
class Together:
    """Two periods of a day have so many minutes in common, whatever day each is counted to."""

    mentees_from: Short
    """Minute of the first day, 0 to 1439."""
    mentees_to: Short
    """At most a day later."""
    mentors_from: Short
    mentors_to: Short
    minutes: int

    def mirrored(self) -> "Together":
        """The same with the sides exchanged."""
        return Together(self.mentors_from, self.mentors_to, self.mentees_from, self.mentees_to, self.minutes)


@dataclass(frozen=True, slots=True)
class Never:
    """Pairs that are listed one by one, in any order and also twice."""

    mentees: Indices
    mentors: Indices

    def mirrored(self) -> "Never":
        """The same with the sides exchanged."""
        return Never(self.mentors, self.mentees)


Form = AtMost | Shared | Together | Never


def short(name: str, numbers: NDArray[np.integer]) -> Short:
    """The same numbers in 16 bits. Raises BadProblem."""
    if len(numbers) and not (numbers.min() >= -_LARGEST and numbers.max() <= _LARGEST):
        raise BadProblem(f"{name} runs from {numbers.min()} to {numbers.max()}; at most {_LARGEST} can be told apart")
    return numbers.astype(np.int16)
