"""A pair's engagement: what the two agreed on, and their sessions, planned, cancelled or held.

Texts that one of them wrote are personal to their author. Who cancelled is kept and never told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, PositiveInt

from events.contracts.kinds import Role
from events.runtime.private_events import Event, Personal
from events.runtime.streams import Category
from sessions.domain import refusals

MOST_PLANNED = 26
"""Open sessions of one pair: half a year of weekly ones."""
FARTHEST_AHEAD = timedelta(days=366)
PLANNED_MINUTES = range(15, 241)
NIL = UUID(int=0)
"""The nil UUID of RFC 9562: what an engagement that has not begun holds."""

Taught = Mapping[Role, tuple[str, ...]]
"""Topics by who taught them: balance is measured from this."""


class EngagementBegun(Event):
    """The stream's id is the pair's."""

    type: ClassVar[str] = "EngagementBegun"
    program: UUID
    mentor: UUID
    mentee: UUID
    mentor_region: str
    mentee_region: str


class AgreementProposed(Event):
    """Whoever proposes has signed. Replaces a proposal that the other side has not signed."""

    type: ClassVar[str] = "AgreementProposed"
    by: Role
    author: UUID
    cadence_days: PositiveInt
    goals: Annotated[tuple[str, ...] | None, Personal("author")] = None
    when_it_does_not_work: Annotated[str | None, Personal("author")] = None


class AgreementSigned(Event):
    """The other side signed, too."""

    type: ClassVar[str] = "AgreementSigned"
    program: UUID
    by: Role
    signed_at: AwareDatetime


class SessionPlanned(Event):
    """The pair means to meet."""

    type: ClassVar[str] = "SessionPlanned"
    program: UUID
    session: UUID
    starts_at: AwareDatetime
    minutes: PositiveInt


class SessionCancelled(Event):
    """One side called a planned session off."""

    type: ClassVar[str] = "SessionCancelled"
    program: UUID
    session: UUID
    by: Role
    author: UUID
    reason: Annotated[str | None, Personal("author")] = None


class SessionDropped(Event):
    """A planned session fell away because the pair meets no more."""

    type: ClassVar[str] = "SessionDropped"
    program: UUID
    session: UUID


class SessionLogged(Event):
    """The pair met for the `number`-th time (from 1)."""

    type: ClassVar[str] = "SessionLogged"
    program: UUID
    session: UUID
    number: PositiveInt
    held_at: AwareDatetime
    minutes: PositiveInt
    author: UUID
    taught: Annotated[Taught | None, Personal("author")] = None


class EngagementEnded(Event):
    """The pair meets no more, for whatever reason."""

    type: ClassVar[str] = "EngagementEnded"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The newest proposal. A text reads as None once its author's key is destroyed."""

    proposed_by: Role
    cadence_days: int
    goals: tuple[str, ...] | None
    when_it_does_not_work: str | None
    signed_at: datetime | None = None


class SessionState(StrEnum):
    """A session is planned first, then held or cancelled, and stays so."""

    PLANNED = "planned"
    CANCELLED = "cancelled"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Session:
    """`starts_at` is the plan until the session is logged, then when it was held."""

    state: SessionState
    starts_at: datetime
    minutes: int
    number: int | None = None
    taught: Taught | None = None

    def overlaps(self, starts_at: datetime, minutes: int) -> bool:
        """Whether both take place at some moment; one may start when the other ends."""
        return self.starts_at < starts_at + timedelta(minutes=minutes) and starts_at < self.ends_at

    @property
    def ends_at(self) -> datetime:
        """When it is or was over."""
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Engagement:
    """Also what the pair reads: always current, with the stream's version."""

    program: UUID = NIL
    mentor: UUID = NIL
    mentee: UUID = NIL
    agreement: Agreement | None = None
    sessions: Mapping[UUID, Session] = field(default_factory=dict)
    over: bool = False

    @property
    def begun(self) -> bool:
        """Whether there is such a pair."""
        return self.program != NIL

    def in_state(self, state: SessionState) -> Iterator[tuple[UUID, Session]]:
        """Sessions by id, in the order they were planned."""
        return ((session_id, session) for session_id, session in self.sessions.items() if session.state is state)


def begin(engagement: Engagement, begun: EngagementBegun, *, somebody_left: bool) -> list[Event]:
    """News of a withdrawal can be faster than the pair's: the engagement then begins and ends at once."""
    if engagement.begun:
        return []
    return [begun, EngagementEnded()] if somebody_left else [begun]


def propose_agreement(engagement: Engagement, proposal: AgreementProposed) -> list[Event]:
    """Either side may; so may the one who would rather not sign what is there."""
    _must_go_on(engagement)
    if engagement.agreement is not None and engagement.agreement.signed_at is not None:
        raise refusals.AlreadyAgreed
    return [proposal]


def sign_agreement(engagement: Engagement, *, by: Role, now: datetime) -> list[Event]:
    """Only the side that did not propose is left to sign."""
    _must_go_on(engagement)
    agreement = engagement.agreement
    if agreement is None:
        raise refusals.NothingToSign
    if agreement.signed_at is not None:
        raise refusals.AlreadyAgreed
    if agreement.proposed_by is by:
        raise refusals.SignedByYou
    return [AgreementSigned(program=engagement.program, by=by, signed_at=now)]


def plan_session(
    engagement: Engagement, *, session: UUID, starts_at: datetime, minutes: int, now: datetime
) -> list[Event]:
    """Keep a place in the future that no other open session has."""
    _must_go_on(engagement)
    if starts_at <= now:
        raise refusals.NotInTheFuture(f"It is {now.isoformat()} already")
    if starts_at - now > FARTHEST_AHEAD:
        raise refusals.TooFarAhead
    if minutes not in PLANNED_MINUTES:
        raise refusals.LengthOutsideLimits
    planned = [other for _, other in engagement.in_state(SessionState.PLANNED)]
    if any(other.overlaps(starts_at, minutes) for other in planned):
        raise refusals.OverlapsPlan
    if len(planned) >= MOST_PLANNED:
        raise refusals.TooManyPlanned(f"{MOST_PLANNED} sessions are planned already")
    return [SessionPlanned(program=engagement.program, session=session, starts_at=starts_at, minutes=minutes)]


def cancel_session(engagement: Engagement, *, session: UUID, by: Role, author: UUID, reason: str | None) -> list[Event]:
    """Either side may, without giving a reason, for as long as the session is open."""
    _must_go_on(engagement)
    _must_be_planned(engagement, session)
    return [SessionCancelled(program=engagement.program, session=session, by=by, author=author, reason=reason)]


def log_session(
    engagement: Engagement,
    *,
    session: UUID,
    held_at: datetime,
    minutes: int,
    taught: Taught,
    author: UUID,
    now: datetime,
) -> list[Event]:
    """Either side may, once and when it is over; `minutes` is how long it really took."""
    _must_go_on(engagement)
    _must_be_planned(engagement, session)
    if engagement.agreement is None or engagement.agreement.signed_at is None:
        raise refusals.NotAgreed
    if held_at > now - timedelta(minutes=minutes):
        raise refusals.NotYetHeld(f"It is only {now.isoformat()}")
    if held_at < engagement.agreement.signed_at:
        raise refusals.BeforeAgreement(f"Both had signed at {engagement.agreement.signed_at.isoformat()}")
    held = [other for _, other in engagement.in_state(SessionState.HELD)]
    if any(other.overlaps(held_at, minutes) for other in held):
        raise refusals.OverlapsHeldSession
    return [
        SessionLogged(
            program=engagement.program,
            session=session,
            number=len(held) + 1,
            held_at=held_at,
            minutes=minutes,
            taught=taught,
            author=author,
        )
    ]


def end(engagement: Engagement) -> list[Event]:
    """Whatever comes first ends it, the pair's end or a withdrawal; the other finds it over."""
    if engagement.over:
        return []
    dropped = [
        SessionDropped(program=engagement.program, session=session)
        for session, _ in engagement.in_state(SessionState.PLANNED)
    ]
    return [*dropped, EngagementEnded()]


def _must_go_on(engagement: Engagement) -> None:
    if engagement.over:
        raise refusals.EngagementOver


def _must_be_planned(engagement: Engagement, session: UUID) -> None:
    known = engagement.sessions.get(session)
    if known is not None and known.state is SessionState.HELD:
        raise refusals.AlreadyLogged
    if known is None or known.state is not SessionState.PLANNED:
        raise refusals.NotPlanned


def evolve(engagement: Engagement, event: Event) -> Engagement:
    """Apply one event; what it breaks was refused before."""
    match event:
        case EngagementBegun():
            return replace(engagement, program=event.program, mentor=event.mentor, mentee=event.mentee)
        case AgreementProposed():
            agreement = Agreement(event.by, event.cadence_days, event.goals, event.when_it_does_not_work)
            return replace(engagement, agreement=agreement)
        case AgreementSigned() if engagement.agreement is not None:
            return replace(engagement, agreement=replace(engagement.agreement, signed_at=event.signed_at))
        case SessionPlanned() | SessionCancelled() | SessionDropped() | SessionLogged():
            return replace(engagement, sessions={**engagement.sessions, event.session: _session(engagement, event)})
        case EngagementEnded():
            return replace(engagement, over=True)
    return engagement


def _session(
    engagement: Engagement, event: SessionPlanned | SessionCancelled | SessionDropped | SessionLogged
) -> Session:
    match event:
        case SessionPlanned():
            return Session(SessionState.PLANNED, event.starts_at, event.minutes)
        case SessionLogged():
            return Session(SessionState.HELD, event.held_at, event.minutes, event.number, event.taught)
    return replace(engagement.sessions[event.session], state=SessionState.CANCELLED)


ENGAGEMENT = Category("engagement", Engagement(), evolve)
