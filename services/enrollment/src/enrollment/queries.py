"""Reads: lists from the projections; names from the subjects' streams, many with one query."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.participant import PARTICIPANT, Participant
from enrollment.domain.program import PROGRAM, Program, State
from enrollment.domain.subject import SUBJECT, Details
from enrollment.projections import participants, programs
from events.runtime.codec import Codec
from events.runtime.deciding import fold

_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Listed:
    """A participant in a list."""

    participant: UUID
    program: UUID
    subject: UUID
    role: str
    region: str
    status: str


@dataclass(frozen=True, slots=True)
class ListedProgram:
    """A program in a list."""

    program: UUID
    name: str
    starts_on: date
    ends_on: date
    state: State
    has_participants: bool


_LISTED = (
    participants.c.participant,
    participants.c.program,
    participants.c.subject,
    participants.c.role,
    participants.c.region,
    participants.c.status,
)


async def participants_of_program(
    conn: AsyncConnection, program: UUID, regions: Collection[str], *, after: UUID | None, limit: int
) -> list[Listed]:
    """A page of a program's participants in these regions, by id, behind `after`."""
    rows = await conn.execute(
        select(*_LISTED)
        .where(
            participants.c.program == program,
            participants.c.participant > (after or _FIRST),
            participants.c.region.in_(regions),
        )
        .order_by(participants.c.participant)
        .limit(limit)
    )
    return [Listed(*row) for row in rows]


async def participations_of(conn: AsyncConnection, subject: UUID) -> list[Listed]:
    """Every program a subject takes or took part in."""
    rows = await conn.execute(
        select(*_LISTED).where(participants.c.subject == subject).order_by(participants.c.participant)
    )
    return [Listed(*row) for row in rows]


async def unfinished_programs(conn: AsyncConnection) -> list[ListedProgram]:
    """Programs that are not closed, the earliest first."""
    anybody = exists().where(participants.c.program == programs.c.program).label("has_participants")
    rows = await conn.execute(
        select(*programs.c, anybody)
        .where(programs.c.state != State.CLOSED.value)
        .order_by(programs.c.starts_on, programs.c.program)
    )
    return [
        ListedProgram(row.program, row.name, row.starts_on, row.ends_on, State(row.state), row.has_participants)
        for row in rows
    ]


async def program_states(conn: AsyncConnection, codec: Codec, ids: Collection[UUID]) -> Mapping[UUID, Program]:
    """Programs as they are now."""
    streams = [PROGRAM.stream(program) for program in set(ids)]
    folded = await fold(conn, codec, streams)
    return {stream.id: folded[stream] for stream in streams}


async def participant_states(conn: AsyncConnection, codec: Codec, ids: Collection[UUID]) -> Mapping[UUID, Participant]:
    """Participants as they are now; those that exist."""
    streams = [PARTICIPANT.stream(participant) for participant in set(ids)]
    folded = await fold(conn, codec, streams)
    return {stream.id: folded[stream] for stream in streams if folded.exists(stream)}


async def details(conn: AsyncConnection, codec: Codec, subjects: Collection[UUID]) -> Mapping[UUID, Details]:
    """What these subjects are called; without those whose names are erased or were never told."""
    streams = [SUBJECT.stream(subject) for subject in set(subjects)]
    folded = await fold(conn, codec, streams)
    return {stream.id: known for stream in streams if (known := folded[stream].details) is not None}
