"""Published events about a program's people, and a store in memory to run commands against without any I/O."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from events.contracts.enrollment import (
    MatchingProfileSet,
    ParticipantEnrolled,
    ParticipantLinked,
    ParticipantWithdrawn,
    ProgramClosed,
    ProgramOpened,
)
from events.contracts.feedback import RematchRequested
from events.contracts.kinds import Answer, Role
from events.contracts.registry import PublishedEvent
from events.testing.memory import NOON, Memory
from matching import commands
from matching.domain.candidate import candidate_stream
from matching.domain.ending import EndDue
from matching.domain.pair import PairProposed, pair_stream
from matching.domain.round import RoundPolicy, round_stream
from matching.drafting import make_draft
from matching.subscribers import reactions
from matching.transport import opener

TRANSPORT_KEY = bytes(range(32))


def sealed(participant: UUID, **identity: str | None) -> str:
    """As enrollment seals an identity."""
    nonce = os.urandom(12)
    text = json.dumps({"identity": None, "wish": None} | identity).encode()
    return base64.b64encode(nonce + AESGCM(TRANSPORT_KEY).encrypt(nonce, text, str(participant).encode())).decode()


class Matching(Memory):
    """Matching in memory: its rounds and answers, in a word each."""

    def __init__(self) -> None:
        super().__init__(reactions(opener(TRANSPORT_KEY)))

    def draft(self, sample: "Sample", at: datetime = NOON, **policy: Any) -> UUID:
        """Run a round over everybody of the sample."""
        pool = {person: self.state(candidate_stream(person)) for person in sample.people}
        round_id = uuid4()
        made = make_draft(pool, RoundPolicy(**policy), at.date())
        self.run(commands.draft(round_id, sample.program, made, now=at, actor=uuid4()))
        return round_id

    def publish(self, sample: "Sample", round_id: UUID, at: datetime = NOON) -> None:
        """Publish a round with all that follows."""
        self.mark_published(sample, round_id, at)
        self.follow_up(round_id, at)

    def mark_published(self, sample: "Sample", round_id: UUID, at: datetime = NOON) -> None:
        expected = self.version(round_stream(round_id))
        self.run(commands.publish(round_id, program_id=sample.program, now=at, actor=uuid4(), expected=expected))

    def follow_up(self, round_id: UUID, at: datetime = NOON) -> None:
        known = self.state(round_stream(round_id))
        for each in known.proposals.values():
            self.run(commands.propose(round_id, each.pair, each.mentor, each.mentee, now=at))
        for each in known.unmatched:
            self.run(commands.miss(round_id, each.participant, now=at))

    def answer(self, pair: UUID, by: Role, given: Answer, reason: str | None = None, at: datetime = NOON):
        expected = self.version(pair_stream(pair))
        return self.run(commands.answer(pair, by, given, reason, now=at, actor=uuid4(), expected=expected))

    def accept_both(self, pair: UUID) -> None:
        self.answer(pair, Role.MENTOR, Answer.ACCEPTED)
        self.answer(pair, Role.MENTEE, Answer.ACCEPTED)


@dataclass
class Sample:
    """Published events about one program; everybody fits everybody of the other role."""

    program: UUID = field(default_factory=uuid4)
    people: list[UUID] = field(default_factory=list)
    subjects: dict[UUID, UUID] = field(default_factory=dict)

    @property
    def program_opened(self) -> ProgramOpened:
        return ProgramOpened(
            program=self.program,
            name="Both ways",
            regions=("emea", "apac"),
            starts_on=date(2027, 3, 1),
            ends_on=date(2027, 12, 1),
            cadence_days=30,
            sessions_per_pair=6,
            rating_threshold=5,
            comment_threshold=10,
        )

    @property
    def program_closed(self) -> ProgramClosed:
        return ProgramClosed(program=self.program)

    def person(self, role: Role, **changes: Any) -> list[PublishedEvent]:
        """Everything that enrollment tells of a new person."""
        participant, subject = uuid4(), changes.pop("subject", uuid4())
        self.people.append(participant)
        self.subjects[participant] = subject
        return [
            ParticipantEnrolled(
                participant=participant, program=self.program, region=changes.get("region", "emea"), role=role
            ),
            ParticipantLinked(participant=participant, program=self.program, subject=subject),
            self.profile(participant, role, **changes),
        ]

    def profile(self, participant: UUID, role: Role, **changes: Any) -> MatchingProfileSet:
        identity = changes.pop("identity", None)
        return MatchingProfileSet(
            **{
                "participant": participant,
                "program": self.program,
                "subject": self.subjects[participant],
                "role": role,
                "region": "emea",
                "grade": 2 if role is Role.MENTOR else 7,
                "unit": "sales",
                "location": "Berlin",
                "country": "DE",
                "time_zone": "Europe/Berlin",
                "working_hours": "09:00-17:00",
                "languages": ("de", "en"),
                "manager_chain": (),
                "capacity": 1,
                "offers": {"tiktok": 5} if role is Role.MENTOR else {"negotiation": 4},
                "seeks": {"negotiation": 3} if role is Role.MENTOR else {"tiktok": 2},
                "identity": sealed(participant, **identity) if identity else None,
            }
            | changes
        )

    def withdrawn(self, participant: UUID) -> ParticipantWithdrawn:
        return ParticipantWithdrawn(participant=participant, program=self.program)

    def rematch(self, pair: UUID) -> RematchRequested:
        return RematchRequested(pair=pair, program=self.program)


def join(memory: Matching, sample: Sample, role: Role, **changes: Any) -> UUID:
    """Let somebody take part; answers who."""
    enrolled, _, profile = sample.person(role, **changes)
    memory.hear(enrolled)
    memory.hear(profile)
    return sample.people[-1]


@pytest.fixture
def memory() -> Matching:
    return Matching()


@pytest.fixture
def sample() -> Sample:
    return Sample()


@pytest.fixture
def joining(memory: Matching, sample: Sample) -> Callable[..., UUID]:
    """Of an open program: somebody takes part."""
    memory.hear(sample.program_opened)
    return lambda role, **changes: join(memory, sample, role, **changes)


@pytest.fixture(scope="session")
def everything_happens() -> Callable[[Matching, Sample, Callable[..., UUID]], None]:
    """A pair made, a pair ended, a decline, a departure, a discarded draft, somebody left out, a draft in work."""

    def happen(memory: Matching, sample: Sample, joining: Callable[..., UUID]) -> None:
        for role in (Role.MENTOR, Role.MENTEE) * 4:
            joining(role)
        joining(Role.MENTEE)
        memory.publish(sample, memory.draft(sample))
        proposed = memory.all(PairProposed)
        memory.accept_both(proposed[0].pair)
        memory.accept_both(proposed[1].pair)
        memory.answer(proposed[2].pair, Role.MENTOR, Answer.DECLINED)
        memory.answer(proposed[3].pair, Role.MENTOR, Answer.ACCEPTED)
        memory.hear(sample.rematch(proposed[0].pair))
        memory.run(commands.end_pair(proposed[0].pair, now=memory.all(EndDue)[0].due_at))
        memory.hear(sample.withdrawn(proposed[3].mentee))
        discarded = memory.draft(sample)
        expected = memory.version(round_stream(discarded))
        memory.run(commands.discard(discarded, program_id=sample.program, now=NOON, actor=uuid4(), expected=expected))
        memory.draft(sample)

    return happen


@pytest.fixture(scope="session")
def begin_anew() -> Callable[[], tuple[Matching, Sample, Callable[..., UUID]]]:
    """For tests that try many histories: an empty store and an open program for each."""

    def begin() -> tuple[Matching, Sample, Callable[..., UUID]]:
        memory, sample = Matching(), Sample()
        memory.hear(sample.program_opened)
        return memory, sample, lambda role, **changes: join(memory, sample, role, **changes)

    return begin
