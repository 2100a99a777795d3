"""A program: drafted, open for sign-ups, closed; and who coordinates it where."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from events.runtime.private_events import Event
from events.runtime.refusals import NotFound, Refusal
from events.runtime.streams import Category


class Terms(BaseModel):
    """What a program is run by. Thresholds, cadence and regions hold from the moment it opens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    regions: tuple[str, ...]
    starts_on: date
    ends_on: date
    cadence_days: int
    sessions_per_pair: int
    grade_ladder: tuple[str, ...]
    """Names of the grades, the most junior (rank 1) first; may be empty."""
    dividing_grade: int
    """A sign-up with role `auto` makes a mentee of this grade and above, a mentor below."""
    working_hours: str
    rating_threshold: int
    comment_threshold: int


class ProgramDrafted(Event):
    """An administrator wrote a program down. Nobody can sign up yet."""

    type: ClassVar[str] = "ProgramDrafted"
    terms: Terms


class ProgramOpened(Event):
    """The program takes sign-ups, by these terms from here on."""

    type: ClassVar[str] = "ProgramOpened"
    terms: Terms


class ProgramClosed(Event):
    """The program has ended."""

    type: ClassVar[str] = "ProgramClosed"


class CoordinatorAssigned(Event):
    """A subject runs the program in these regions, and in no others from here on; in none, when there are none."""

    type: ClassVar[str] = "CoordinatorAssigned"
    subject: UUID
    regions: tuple[str, ...]


class State(StrEnum):
    """How far a program has come."""

    ABSENT = "absent"
    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Program:
    """What decisions need to know of a program."""

    state: State = State.ABSENT
    terms: Terms | None = None
    coordinators: Mapping[UUID, tuple[str, ...]] = field(default_factory=dict)
    """Subject → regions."""


class TermsDoNotFit(Refusal):
    """The terms of a program contradict one another."""

    slug, status, title = "program-terms", 422, "The terms of the program do not fit together"


class ProgramNotDraft(Refusal):
    """Only a draft can be opened."""

    slug, status, title = "program-not-draft", 409, "The program is no draft any more"


class ProgramNotOpen(Refusal):
    """Sign-ups need an open program."""

    slug, status, title = "program-not-open", 409, "The program is not open"


class UnknownRegion(Refusal):
    """A coordinator's regions must be the program's."""

    slug, status, title = "unknown-region", 422, "The program does not have this region"


def draft(terms: Terms) -> list[Event]:
    """Write a program down. Raises TermsDoNotFit."""
    if terms.ends_on <= terms.starts_on:
        raise TermsDoNotFit(f"It ends on {terms.ends_on} and starts on {terms.starts_on}; let it end later")
    for called, names in (("regions", terms.regions), ("grade_ladder", terms.grade_ladder)):
        if len({name.casefold() for name in names}) < len(names):
            raise TermsDoNotFit(f"Two entries of {called} are the same; keep one")
    if terms.grade_ladder and terms.dividing_grade > len(terms.grade_ladder):
        raise TermsDoNotFit(
            f"dividing_grade is {terms.dividing_grade} and grade_ladder has {len(terms.grade_ladder)} grades; "
            "name the lowest rank that is a mentee"
        )
    return [ProgramDrafted(terms=terms)]


def open_program(program: Program) -> list[Event]:
    """Open a draft for sign-ups. Raises ProgramNotDraft."""
    terms = terms_of(program)
    if program.state is not State.DRAFT:
        raise ProgramNotDraft(f"It is {program.state}; only a draft can be opened")
    return [ProgramOpened(terms=terms)]


def close_program(program: Program) -> list[Event]:
    """End a program. Raises ProgramNotOpen."""
    terms_of(program)
    if program.state is not State.OPEN:
        raise ProgramNotOpen(f"It is {program.state}; only an open program can be closed")
    return [ProgramClosed()]


def assign_coordinator(program: Program, subject: UUID, regions: tuple[str, ...]) -> list[Event]:
    """Let a subject run the program in these regions alone; none takes it from them. Raises UnknownRegion."""
    terms = terms_of(program)
    by_name = {name.casefold(): name for name in terms.regions}
    unknown = [region for region in regions if region.casefold() not in by_name]
    if unknown:
        raise UnknownRegion(f"The program has {', '.join(terms.regions)}, and not {', '.join(unknown)}")
    chosen = {by_name[region.casefold()] for region in regions}
    assigned = tuple(region for region in terms.regions if region in chosen)
    if program.coordinators.get(subject, ()) == assigned:
        return []
    return [CoordinatorAssigned(subject=subject, regions=assigned)]


def terms_of(program: Program) -> Terms:
    """The terms of a program that exists. Raises NotFound."""
    if program.terms is None:
        raise NotFound
    return program.terms


def must_be_open(program: Program) -> Terms:
    """The terms of a program that takes sign-ups. Raises NotFound and ProgramNotOpen."""
    terms = terms_of(program)
    if program.state is not State.OPEN:
        raise ProgramNotOpen(f"It is {program.state}; people sign up while it is open")
    return terms


def evolve(program: Program, event: Event) -> Program:
    """The program after one more event."""
    match event:
        case ProgramDrafted():
            return replace(program, state=State.DRAFT, terms=event.terms)
        case ProgramOpened():
            return replace(program, state=State.OPEN, terms=event.terms)
        case ProgramClosed():
            return replace(program, state=State.CLOSED)
        case CoordinatorAssigned():
            return replace(program, coordinators={**program.coordinators, event.subject: event.regions})
    return program


PROGRAM = Category("program", Program(), evolve)
EVENTS = (ProgramDrafted, ProgramOpened, ProgramClosed, CoordinatorAssigned)
