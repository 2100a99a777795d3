"""A participant's part in engagements: which ones there are to end when the participant leaves."""

from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import UUID

from events.runtime.private_events import Event
from events.runtime.streams import Category


class EngagementJoined(Event):
    """The participant became one side of a pair."""

    type: ClassVar[str] = "EngagementJoined"
    engagement: UUID


class ParticipantLeft(Event):
    """The participant withdrew from the program, for good."""

    type: ClassVar[str] = "ParticipantLeft"


@dataclass(frozen=True, slots=True)
class Participation:
    """Exists from the first news of a participant, whichever topic brings it."""

    engagements: tuple[UUID, ...] = ()
    left: bool = False


def join(participation: Participation, engagement: UUID) -> list[Event]:
    """Also after leaving: the news of a pair can be slower than that of a withdrawal."""
    if engagement in participation.engagements:
        return []
    return [EngagementJoined(engagement=engagement)]


def leave(participation: Participation) -> list[Event]:
    """Once, whatever was joined."""
    return [] if participation.left else [ParticipantLeft()]


def evolve(participation: Participation, event: Event) -> Participation:
    """Apply one event."""
    match event:
        case EngagementJoined():
            return replace(participation, engagements=(*participation.engagements, event.engagement))
        case ParticipantLeft():
            return replace(participation, left=True)
    return participation


PARTICIPATION = Category("participation", Participation(), evolve)
