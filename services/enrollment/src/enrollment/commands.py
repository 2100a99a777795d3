"""Commands: which streams a decision reads, and what it appends to which. Pure."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from enrollment.domain import participant as participants
from enrollment.domain import program as programs
from enrollment.domain import subject as subjects
from enrollment.domain.participant import PARTICIPANT, Entry
from enrollment.domain.program import PROGRAM, Terms
from enrollment.domain.sign_up_file import SIGN_UP_FILE, SignUpFileImported
from enrollment.domain.subject import SUBJECT, Details
from enrollment.signup_file import unshortened
from events.runtime.private_events import Event
from events.runtime.streams import Command, Stream, Streams


def draft_program(program: UUID, terms: Terms, *, now: datetime, actor: UUID) -> Command:
    """Write a program down."""
    stream = PROGRAM.stream(program)
    return Command(
        loads=(stream,), decide=lambda _: [(stream, event) for event in programs.draft(terms)], at=now, actor=actor
    )


def open_program(program: UUID, *, now: datetime, actor: UUID, expected: int) -> Command:
    """Let people sign up."""
    stream = PROGRAM.stream(program)
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, event) for event in programs.open_program(streams[stream])],
        at=now,
        actor=actor,
        expected={program: expected},
    )


def close_program(program: UUID, *, now: datetime, actor: UUID, expected: int) -> Command:
    """End a program."""
    stream = PROGRAM.stream(program)
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, event) for event in programs.close_program(streams[stream])],
        at=now,
        actor=actor,
        expected={program: expected},
    )


def assign_coordinator(
    program: UUID, subject: UUID, regions: tuple[str, ...], *, now: datetime, actor: UUID
) -> Command:
    """Let a subject run a program in these regions."""
    stream = PROGRAM.stream(program)
    return Command(
        loads=(stream,),
        decide=lambda streams: [
            (stream, event) for event in programs.assign_coordinator(streams[stream], subject, regions)
        ],
        at=now,
        actor=actor,
    )


def sign_up(participant: UUID, entry: Entry, details: Details, *, now: datetime, actor: UUID) -> Command:
    """Enroll somebody in an open program, or bring what is known of them up to date."""
    program, person, part = (
        PROGRAM.stream(entry.program),
        SUBJECT.stream(entry.subject),
        PARTICIPANT.stream(participant),
    )

    def decide(streams: Streams) -> Iterator[tuple[Stream[Any], Event]]:
        programs.must_be_open(streams[program])
        signed_up = participants.sign_up(streams[part], entry)
        yield from ((person, event) for event in subjects.describe(streams[person], entry.subject, details))
        yield from ((part, event) for event in signed_up)

    return Command(loads=(program, person, part), decide=decide, at=now, actor=actor, correlation=participant)


def move_in_line(
    participant: UUID,
    subject: UUID,
    manager_chain: tuple[UUID, ...],
    tops: Collection[UUID],
    *,
    now: datetime,
    actor: UUID,
) -> Command:
    """Note who stands above a participant since a manager above them changed. `tops` have no manager, for certain."""
    stream = PARTICIPANT.stream(participant)

    def decide(streams: Streams) -> Iterator[tuple[Stream[Any], Event]]:
        profile = streams[stream].profile
        before = profile.manager_chain if profile else ()
        chain = unshortened(subject, manager_chain, before, tops)
        yield from ((stream, event) for event in participants.move_in_line(streams[stream], chain))

    return Command(loads=(stream,), decide=decide, at=now, actor=actor, correlation=participant)


def note_import(file: UUID, imported: SignUpFileImported, *, now: datetime, actor: UUID) -> Command:
    """Note what an import did."""
    stream = SIGN_UP_FILE.stream(file)
    return Command(loads=(stream,), decide=lambda _: [(stream, imported)], at=now, actor=actor)


def withdraw(participant: UUID, *, now: datetime, actor: UUID, expected: int) -> Command:
    """Leave a program for good."""
    stream = PARTICIPANT.stream(participant)
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, event) for event in participants.withdraw(streams[stream])],
        at=now,
        actor=actor,
        correlation=participant,
        expected={participant: expected},
    )
