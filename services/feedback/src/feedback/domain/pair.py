"""A pair: who is in it, which of its sessions were asked about, and whether it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar
from uuid import UUID

from events.contracts.kinds import Role
from events.runtime.private_events import Event
from events.runtime.streams import Category


class PairBegan(Event):
    """Two participants became a pair."""

    type: ClassVar[str] = "PairBegan"
    pair: UUID
    program: UUID
    mentor: UUID
    mentee: UUID


class PulseTaken(Event):
    """Both sides, as far as they have not left, are asked about the pair's `number`-th session."""

    type: ClassVar[str] = "PulseTaken"
    pair: UUID
    number: int
    sheets: tuple[UUID, ...]


class PairOver(Event):
    """The pair meets no more."""

    type: ClassVar[str] = "PairOver"
    pair: UUID


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair as feedback sees one."""

    program: UUID | None = None
    sides: tuple[tuple[UUID, Role], ...] = ()
    sheets: Mapping[int, tuple[UUID, ...]] = field(default_factory=dict)
    """By the number of the session that they ask about."""
    over: bool = False

    def __contains__(self, participant: UUID) -> bool:
        return any(participant == side for side, _ in self.sides)


def begin(pair: Pair, event: PairBegan) -> list[Event]:
    """Note a new pair, once."""
    return [] if pair.sides else [event]


def take_pulse(pair: Pair, pair_id: UUID, number: int, sheets: tuple[UUID, ...]) -> list[Event]:
    """Ask about a session, once; a pair that is over is asked nothing more, in whichever order the two were heard."""
    return [] if pair.over or number in pair.sheets else [PulseTaken(pair=pair_id, number=number, sheets=sheets)]


def end(pair: Pair, pair_id: UUID) -> list[Event]:
    """Note that the pair is over, once."""
    return [] if pair.over else [PairOver(pair=pair_id)]


def evolve(pair: Pair, event: Event) -> Pair:
    """Apply one event."""
    match event:
        case PairBegan():
            sides = ((event.mentor, Role.MENTOR), (event.mentee, Role.MENTEE))
            return replace(pair, program=event.program, sides=sides)
        case PulseTaken():
            return replace(pair, sheets={**pair.sheets, event.number: event.sheets})
        case PairOver():
            return replace(pair, over=True)
    return pair


PAIR = Category("pair", Pair(), evolve)
