"""What the acts of the demo share: who is there, what they have come to, and what is expected of the platform."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from viceversa.client import Caller, Platform
from viceversa.demo.enterprise import Person, SignUpFile
from viceversa.demo.expectations import Expectations
from viceversa.demo.subscriber import Subscriber
from viceversa.demo.traces import Trace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Participant:
    """A person in the program, as the coordinator's list shows them."""

    id: str
    external_id: str
    name: str
    role: str
    region: str


@dataclass(frozen=True, slots=True)
class Appointment:
    """A meeting that a pair has planned."""

    session: str
    starts_at: datetime


@dataclass(slots=True)
class Pair:
    """Two who said yes. `sessions` counts meetings held."""

    id: str
    mentor: Participant
    mentee: Participant
    round: int
    sessions: int = 0
    active: bool = True
    appointment: Appointment | None = None
    """What they have planned, or planned last."""
    met: bool = False
    """In the last month."""
    version: int | None = None
    """Of the engagement, as the mentor last heard; None when the mentee may have changed it since."""


@dataclass(frozen=True, slots=True)
class Round:
    """A published round."""

    number: int
    proposals: Sequence[dict[str, Any]]
    unmatched: Sequence[dict[str, Any]]
    value: float
    bound: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Told how far an act is; the terminal listens."""

    begin: Callable[[int], None]
    """An act says how many steps it has."""
    advance: Callable[[], None]


@dataclass(slots=True)
class Stage:
    """Everything an act may use. Acts speak to the platform through its callers, and through nothing else."""

    platform: Platform
    subscriber: Subscriber
    spans: Path
    enterprise: Sequence[Person]
    file: SignUpFile
    dice: random.Random
    expectations: Expectations
    progress: Progress
    administrator: Caller
    operator: Caller
    coordinator: Caller
    """The one who runs the program in every region."""
    now: datetime
    program: str = ""
    rejected_rows: int = 0
    participants: dict[str, Participant] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    apart: set[tuple[str, str]] = field(default_factory=set)
    """(mentor, mentee) who declined or ended: never to be proposed again."""
    agreements: int = 0
    asked: set[str] = field(default_factory=set)
    """Participants who were given a baseline sheet."""
    sessions_cancelled: int = 0
    sheets_answered: int = 0
    rematches: int = 0
    dead_letters: int = 0
    withdrawn: Pair | None = None
    trace: Trace = field(default_factory=lambda: Trace("", ()))
    """Of the withdrawal."""
    _callers: dict[str, Caller] = field(default_factory=dict)

    @property
    def sessions_held(self) -> int:
        """Meetings of all pairs, those that have ended too."""
        return sum(pair.sessions for pair in self.pairs)

    def caller(self, participant: Participant) -> Caller:
        """The participant at the APIs, always with the same token."""
        return self._callers.setdefault(participant.external_id, self.platform.caller(participant.external_id))

    def active_pairs(self) -> list[Pair]:
        """Pairs that still meet."""
        return [pair for pair in self.pairs if pair.active]

    def new_pairs(self) -> list[Pair]:
        """Pairs of the last round."""
        return [pair for pair in self.active_pairs() if pair.round == len(self.rounds)]

    def sides(self, pairs: Iterable[Pair]) -> list[Participant]:
        """Everybody in these pairs, once."""
        return list({person.id: person for pair in pairs for person in (pair.mentor, pair.mentee)}.values())

    def some(self, share: float, of: Sequence[T]) -> list[T]:
        """A share of them, by the seed; at least one where there is any."""
        return self.dice.sample(of, min(len(of), max(1, round(share * len(of)))))

    async def public(self, name: str) -> int:
        """How many events of that name the independent subscriber heard of this program. Raises Deaf."""
        self.subscriber.must_listen()
        return self.subscriber.counts(self.program)[name]
