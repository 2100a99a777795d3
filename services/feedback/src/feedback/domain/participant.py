"""Which sheets a participant holds, and whether they left: nothing is asked twice, and leaving closes all at once.

The id of a sheet is random and known to this stream alone. It stands in the path of an answer: made from the
participant and what is asked, it could be worked out by anyone who reads public events, and a proxy's log would tell
who answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar
from uuid import UUID

from events.runtime.private_events import Event
from events.runtime.streams import Category


class SheetHandedOut(Event):
    """A participant got a sheet to answer."""

    type: ClassVar[str] = "SheetHandedOut"
    participant: UUID
    asked: str
    """What the sheet asks about; once a participant."""
    sheet: UUID


class ParticipantLeft(Event):
    """A participant left the program, for good."""

    type: ClassVar[str] = "ParticipantLeft"
    participant: UUID


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant as feedback sees one."""

    sheets: Mapping[str, UUID] = field(default_factory=dict)
    """Every sheet ever handed out, by what it asks about; a sheet itself knows whether it is still open."""
    left: bool = False


def leave(participant: Participant, participant_id: UUID) -> list[Event]:
    """Note that somebody left, also when nothing was ever asked of them: they may be asked nothing from now on."""
    return [] if participant.left else [ParticipantLeft(participant=participant_id)]


def evolve(participant: Participant, event: Event) -> Participant:
    """Apply one event."""
    match event:
        case SheetHandedOut():
            return replace(participant, sheets={**participant.sheets, event.asked: event.sheet})
        case ParticipantLeft():
            return replace(participant, left=True)
    return participant


PARTICIPANT = Category("participant", Participant(), evolve)
