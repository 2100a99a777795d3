"""What sessions tells: agreements, and meetings that were planned, cancelled or held."""

from typing import ClassVar

from events.contracts.kinds import Count, Instant, Minutes, PairId, ProgramId, SessionId
from events.contracts.registry import Audience, PublishedEvent


class SessionsPublic(PublishedEvent):
    """Any system may subscribe: `viceversa.sessions.v1`."""

    producer: ClassVar[str] = "sessions"
    audience: ClassVar[Audience] = Audience.PUBLIC


class SessionsRestricted(PublishedEvent):
    """For the platform's own services: `viceversa.sessions.restricted.v1`."""

    producer: ClassVar[str] = "sessions"
    audience: ClassVar[Audience] = Audience.RESTRICTED


class AgreementSigned(SessionsPublic):
    """Both sides of a pair signed how they work together."""

    type: ClassVar[str] = "viceversa.AgreementSigned.v1"
    pair: PairId
    program: ProgramId


class SessionLogged(SessionsPublic):
    """A pair met: its `number`-th session (from 1)."""

    type: ClassVar[str] = "viceversa.SessionLogged.v1"
    pair: PairId
    program: ProgramId
    number: Count
    minutes: Minutes


class SessionScheduled(SessionsRestricted):
    """A pair plans to meet."""

    type: ClassVar[str] = "viceversa.SessionScheduled.v1"
    pair: PairId
    program: ProgramId
    session: SessionId
    starts_at: Instant
    minutes: Minutes


class SessionCancelled(SessionsRestricted):
    """A planned session will not be held. By whom is not told."""

    type: ClassVar[str] = "viceversa.SessionCancelled.v1"
    pair: PairId
    program: ProgramId
    session: SessionId
