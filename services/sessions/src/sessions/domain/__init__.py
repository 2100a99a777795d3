"""What sessions decides on, one module a stream. Values and pure functions; the clock is an argument."""

from sessions.domain.engagement import (
    AgreementProposed,
    AgreementSigned,
    EngagementBegun,
    EngagementEnded,
    SessionCancelled,
    SessionDropped,
    SessionLogged,
    SessionPlanned,
)
from sessions.domain.participation import EngagementJoined, ParticipantLeft

EVENTS = (
    AgreementProposed,
    AgreementSigned,
    EngagementBegun,
    EngagementEnded,
    EngagementJoined,
    ParticipantLeft,
    SessionCancelled,
    SessionDropped,
    SessionLogged,
    SessionPlanned,
)

__all__ = [
    "EVENTS",
    "AgreementProposed",
    "AgreementSigned",
    "EngagementBegun",
    "EngagementEnded",
    "EngagementJoined",
    "ParticipantLeft",
    "SessionCancelled",
    "SessionDropped",
    "SessionLogged",
    "SessionPlanned",
]
