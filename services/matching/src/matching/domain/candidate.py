"""A candidate: one participant's profile, the partners held for them, and with whom they never meet again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from events.contracts.kinds import Role
from events.runtime.private_events import Event, Personal
from events.runtime.streams import Category, Stream


class Profile(BaseModel):
    """What a match is made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grade: int
    unit: str
    location: str
    country: str
    time_zone: str
    working_hours: str
    languages: tuple[str, ...]
    manager_chain: tuple[UUID, ...]
    """Subjects above, nearest first."""
    capacity: int
    offers: dict[str, int]
    seeks: dict[str, int]


class Identity(BaseModel):
    """What somebody says of who they are, and whether they wish for a partner who says the same."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    identity: str | None = None
    wish: str | None = None

    @property
    def shared(self) -> str | None:
        """The identity to share with a partner, where this was asked for."""
        return self.identity.strip().casefold() if self.identity and self.wish else None


class Cause(StrEnum):
    """Why a partner is held no longer."""

    DECLINED = "declined"
    FORBIDDEN = "forbidden"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


class CandidateEnrolled(Event):
    """Somebody takes part, and waits from now on."""

    type: ClassVar[str] = "CandidateEnrolled"
    participant: UUID
    program: UUID
    region: str
    role: Role
    since: AwareDatetime


class CandidateProfileSet(Event):
    """The whole profile, as it is from here on."""

    type: ClassVar[str] = "CandidateProfileSet"
    participant: UUID
    program: UUID
    subject: UUID
    region: str
    role: Role
    profile: Annotated[Profile | None, Personal("subject")] = None
    identity: Annotated[Identity | None, Personal("subject")] = None


class PartnerReserved(Event):
    """One place is held for a partner, from the proposal on."""

    type: ClassVar[str] = "PartnerReserved"
    participant: UUID
    program: UUID
    pair: UUID
    partner: UUID


class PartnerConfirmed(Event):
    """Both sides accepted: the place is taken."""

    type: ClassVar[str] = "PartnerConfirmed"
    participant: UUID
    program: UUID
    pair: UUID


class PartnerReleased(Event):
    """The place is free again, and the two are never proposed to each other again."""

    type: ClassVar[str] = "PartnerReleased"
    participant: UUID
    program: UUID
    pair: UUID
    partner: UUID
    cause: Cause
    was_confirmed: bool
    """Both had accepted."""
    since: AwareDatetime
    """Waits again from this time on."""


class RoundMissed(Event):
    """A published round left this person without anybody."""

    type: ClassVar[str] = "RoundMissed"
    participant: UUID
    program: UUID
    round: UUID
    rounds_waited: int


class CandidateWithdrew(Event):
    """Somebody has left the program, for good."""

    type: ClassVar[str] = "CandidateWithdrew"
    participant: UUID
    program: UUID


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a round and an answer need to know of one participant."""

    program: UUID | None = None
    subject: UUID | None = None
    role: Role | None = None
    region: str | None = None
    profile: Profile | None = field(default=None, repr=False)
    identity: Identity | None = field(default=None, repr=False)
    enrolled: bool = False
    withdrawn: bool = False
    partners: Mapping[UUID, UUID] = field(default_factory=dict)
    """Pair → the partner for whom a place is held or taken."""
    confirmed: frozenset[UUID] = frozenset()
    """Pairs that both sides accepted."""
    history: frozenset[UUID] = frozenset()
    """Partners of the past, whatever ended it."""
    missed: frozenset[UUID] = frozenset()
    """Rounds that left this person without anybody."""
    rounds_waited: int = 0
    waiting_since: datetime | None = None

    @property
    def free_places(self) -> int:
        """How many further partners this person can have now."""
        if not self.enrolled or self.withdrawn or self.profile is None:
            return 0
        return max(self.profile.capacity - len(self.partners), 0)

    def may_meet(self, partner: UUID) -> bool:
        """Whether a place is free and the two never met."""
        return self.free_places > 0 and partner not in self.history and partner not in self.partners.values()


def rules_allow(mentor: Candidate, mentee: Candidate, *, minimum_grade_gap: int) -> bool:
    """Whether, as they stand now, the mentor is the junior by enough grades and neither is above the other."""
    junior, senior = mentor.profile, mentee.profile
    if junior is None or senior is None or mentor.subject == mentee.subject:
        return False
    return (
        senior.grade - junior.grade >= minimum_grade_gap
        and mentor.subject not in senior.manager_chain
        and mentee.subject not in junior.manager_chain
    )


def enroll(candidate: Candidate, event: CandidateEnrolled) -> list[Event]:
    """Note a sign-up, once."""
    return [] if candidate.enrolled else [event]


def set_profile(candidate: Candidate, event: CandidateProfileSet) -> list[Event]:
    """Take over a profile if it says anything new."""
    known = (candidate.subject, candidate.role, candidate.region, candidate.profile, candidate.identity)
    given = (event.subject, event.role, event.region, event.profile, event.identity)
    return [] if known == given else [event]


def reserve(candidate: Candidate, participant: UUID, pair: UUID, partner: UUID) -> list[Event]:
    """Hold a place for a partner. For candidates who `may_meet` that partner."""
    program = _program(candidate)
    return [PartnerReserved(participant=participant, program=program, pair=pair, partner=partner)]


def confirm(candidate: Candidate, participant: UUID, pair: UUID) -> list[Event]:
    """Take the place that is held for a pair."""
    program = _program(candidate)
    return [PartnerConfirmed(participant=participant, program=program, pair=pair)]


def release(candidate: Candidate, participant: UUID, pair: UUID, cause: Cause, now: datetime) -> list[Event]:
    """Free the place of a pair; nothing where none is held (any more)."""
    if candidate.withdrawn or pair not in candidate.partners:
        return []
    return [
        PartnerReleased(
            participant=participant,
            program=_program(candidate),
            pair=pair,
            partner=candidate.partners[pair],
            cause=cause,
            was_confirmed=pair in candidate.confirmed,
            since=now,
        )
    ]


def miss(candidate: Candidate, participant: UUID, round_id: UUID) -> list[Event]:
    """Note, once a round, that it left somebody without anybody; nothing for who has left or found a partner since."""
    if candidate.withdrawn or candidate.partners or round_id in candidate.missed:
        return []
    waited = candidate.rounds_waited + 1
    return [
        RoundMissed(participant=participant, program=_program(candidate), round=round_id, rounds_waited=waited),
    ]


def withdraw(candidate: Candidate, participant: UUID, program: UUID) -> list[Event]:
    """Note that somebody left, once."""
    return [] if candidate.withdrawn else [CandidateWithdrew(participant=participant, program=program)]


def evolve(candidate: Candidate, event: Event) -> Candidate:  # noqa: PLR0911 - one a kind of event
    """Apply one event."""
    match event:
        case CandidateEnrolled():
            return replace(
                candidate,
                program=event.program,
                role=event.role,
                region=event.region,
                enrolled=True,
                waiting_since=event.since,
            )
        case CandidateProfileSet():
            return replace(
                candidate,
                program=event.program,
                subject=event.subject,
                role=event.role,
                region=event.region,
                profile=event.profile,
                identity=event.identity,
            )
        case PartnerReserved():
            return replace(candidate, partners={**candidate.partners, event.pair: event.partner})
        case PartnerConfirmed():
            return replace(candidate, confirmed=candidate.confirmed | {event.pair}, rounds_waited=0)
        case PartnerReleased():
            return replace(
                candidate,
                partners={pair: partner for pair, partner in candidate.partners.items() if pair != event.pair},
                confirmed=candidate.confirmed - {event.pair},
                history=candidate.history | {event.partner},
                # The round that made this pair left nothing of it: before newcomers, as after a round that was missed.
                rounds_waited=candidate.rounds_waited + (candidate.partners.keys() == {event.pair}),
                waiting_since=event.since,
            )
        case RoundMissed():
            return replace(candidate, missed=candidate.missed | {event.round}, rounds_waited=event.rounds_waited)
        case CandidateWithdrew():
            return replace(candidate, program=event.program, withdrawn=True, partners={}, confirmed=frozenset())
    return candidate


def _program(candidate: Candidate) -> UUID:
    if candidate.program is None:
        raise ValueError("a candidate without any event has no program")
    return candidate.program


CANDIDATE = Category("candidate", Candidate(), evolve)


def candidate_stream(participant: UUID) -> Stream[Candidate]:
    """A candidate's stream has the participant's id."""
    return CANDIDATE.stream(participant)
