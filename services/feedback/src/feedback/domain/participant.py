"""Which sheets a participant holds, and whether they left: so that leaving closes all of them at once."""

from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import UUID

from events.runtime.private_events import Event
from events.runtime.streams import Category


class SheetHandedOut(Event):
    """A participant got a sheet to answer."""

    type: ClassVar[str] = "SheetHandedOut"
    participant: UUID
    sheet: UUID


class ParticipantLeft(Event):
    """A participant left the program, for good."""

    type: ClassVar[str] = "ParticipantLeft"
    participant: UUID


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant as feedback sees one."""

    sheets: tuple[UUID, ...] = ()
    """Every sheet ever handed out; a sheet itself knows whether it is still open."""
    left: bool = False


def leave(participant: Participant, participant_id: UUID) -> list[Event]:
    """Note that somebody left, also when nothing was ever asked of them: they may be asked nothing from now on."""
    return [] if participant.left else [ParticipantLeft(participant=participant_id)]


def evolve(participant: Participant, event: Event) -> Participant:
    """Apply one event."""
    match event:
        case SheetHandedOut():
            return replace(participant, sheets=(*participant.sheets, event.sheet))
        case ParticipantLeft():
            return replace(participant, left=True)
    return participant


PARTICIPANT = Category("participant", Participant(), evolve)
