"""A program as matching sees it: open or closed, and at most one round in work."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import UUID, uuid5

from events.runtime.private_events import Event
from events.runtime.refusals import NotFound, Refusal
from events.runtime.streams import Category, Stream


class ProgramNotOpen(Refusal):
    """A round is run in an open program only."""

    slug, status, title = "program-not-open", 409, "The program is not open"


class RoundInWork(Refusal):
    """There is a draft already."""

    slug, status, title = "round-in-work", 409, "Publish or discard the program's draft before you run another round"


class UnknownRegion(Refusal):
    """The policy names a region that the program does not have."""

    slug, status, title = "unknown-region", 422, "regions_may_meet names a region that the program does not have"


class MatchingOpened(Event):
    """The program takes sign-ups: rounds may be run."""

    type: ClassVar[str] = "MatchingOpened"
    program: UUID
    regions: tuple[str, ...]


class MatchingClosed(Event):
    """The program has ended: no further round."""

    type: ClassVar[str] = "MatchingClosed"
    program: UUID


class RoundStarted(Event):
    """A draft was made; it is the program's `number`-th round."""

    type: ClassVar[str] = "RoundStarted"
    program: UUID
    round: UUID
    number: int


class RoundFinished(Event):
    """The draft was published or discarded."""

    type: ClassVar[str] = "RoundFinished"
    program: UUID
    round: UUID


@dataclass(frozen=True, slots=True)
class Program:
    """What a round depends on."""

    opened: bool = False
    closed: bool = False
    regions: frozenset[str] = frozenset()
    rounds: int = 0
    in_work: UUID | None = None


def open_program(program: Program, event: MatchingOpened) -> list[Event]:
    """Note that it is open, once."""
    return [] if program.opened else [event]


def close_program(program: Program, program_id: UUID) -> list[Event]:
    """Note that it is closed, once."""
    return [] if program.closed else [MatchingClosed(program=program_id)]


def check_may_run(program: Program, regions: Collection[str] = ()) -> None:
    """Refuse a round that may not be run now. Raises NotFound, ProgramNotOpen, RoundInWork, UnknownRegion."""
    if not (program.opened or program.closed):
        raise NotFound
    if program.closed:
        raise ProgramNotOpen
    if program.in_work is not None:
        raise RoundInWork(round=str(program.in_work))
    unknown = sorted(set(regions) - program.regions)
    if unknown:
        raise UnknownRegion(f"The program has no region {', '.join(unknown)}", regions=sorted(program.regions))


def start_round(program: Program, program_id: UUID, round_id: UUID) -> list[Event]:
    """Take the program's one place for a draft. Raises as `check_may_run`."""
    check_may_run(program)
    return [RoundStarted(program=program_id, round=round_id, number=program.rounds + 1)]


def finish_round(program: Program, program_id: UUID, round_id: UUID) -> list[Event]:
    """Give the place back."""
    return [RoundFinished(program=program_id, round=round_id)] if program.in_work == round_id else []


def evolve(program: Program, event: Event) -> Program:
    """Apply one event."""
    match event:
        case MatchingOpened():
            return replace(program, opened=True, regions=frozenset(event.regions))
        case MatchingClosed():
            return replace(program, closed=True)
        case RoundStarted():
            return replace(program, rounds=event.number, in_work=event.round)
        case RoundFinished():
            return replace(program, in_work=None)
    return program


PROGRAM = Category("program", Program(), evolve)


def program_stream(program: UUID) -> Stream[Program]:
    """The rounds of a program."""
    return PROGRAM.stream(uuid5(program, "rounds"))
