"""What feedback needs to know of a program: its thresholds, and whether it still asks."""

from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import UUID

from events.runtime.private_events import Event
from events.runtime.streams import Category
from feedback.domain.instruments import Thresholds


class ProgramStarted(Event):
    """A program takes sign-ups; its thresholds hold from here on."""

    type: ClassVar[str] = "ProgramStarted"
    program: UUID
    regions: tuple[str, ...]
    rating_threshold: int
    comment_threshold: int


class ProgramOver(Event):
    """A program has ended; it asks nothing more."""

    type: ClassVar[str] = "ProgramOver"
    program: UUID


@dataclass(frozen=True, slots=True)
class Program:
    """A program as feedback sees it."""

    thresholds: Thresholds | None = None
    regions: tuple[str, ...] = ()
    over: bool = False


def start(program: Program, event: ProgramStarted) -> list[Event]:
    """Note the thresholds, once: they never change afterwards."""
    return [] if program.thresholds is not None else [event]


def finish(program: Program, program_id: UUID) -> list[Event]:
    """Stop asking."""
    return [] if program.over else [ProgramOver(program=program_id)]


def evolve(program: Program, event: Event) -> Program:
    """Apply one event."""
    match event:
        case ProgramStarted():
            thresholds = Thresholds(ratings=event.rating_threshold, comments=event.comment_threshold)
            return replace(program, thresholds=thresholds, regions=event.regions)
        case ProgramOver():
            return replace(program, over=True)
    return program


PROGRAM = Category("program", Program(), evolve)
