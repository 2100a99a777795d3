"""Reads. Which participants a list has comes from tables; what is shown of each comes from their streams, in sets.

So a list is current as soon as an import has answered, and a name is read where it is kept: nowhere but in its stream.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Uuid, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.participant import PARTICIPANT, Participant
from enrollment.domain.program import PROGRAM, Program, State
from enrollment.domain.subject import SUBJECT, Details
from enrollment.identities import participations
from enrollment.projections import participants, partners, programs
from events.runtime.codec import Codec
from events.runtime.database import any_of
from events.runtime.deciding import fold

_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Page:
    """Some participants by id; `more` when others follow `last`."""

    people: Mapping[UUID, Participant]
    last: UUID | None
    more: bool


@dataclass(frozen=True, slots=True)
class ListedProgram:
    """A program in a list."""

    program: UUID
    name: str
    starts_on: date
    ends_on: date
    state: State
    has_participants: bool


async def participants_of_program(
    conn: AsyncConnection, codec: Codec, program: UUID, regions: Collection[str], *, after: UUID | None, limit: int
) -> Page:
    """A program's participants in these regions behind `after`: up to `limit`, fewer where some have only just come."""
    found = await conn.scalars(
        select(participations.c.participant)
        .outerjoin(participants, participants.c.participant == participations.c.participant)
        .where(
            participations.c.program == program,
            participations.c.participant > (after or _FIRST),
            # Those whom the projection has not reached yet are looked at too.
            or_(participants.c.region.in_(regions), participants.c.region.is_(None)),
        )
        .order_by(participations.c.participant)
        .limit(limit + 1)
    )
    ids = found.all()
    page = ids[:limit]
    states = await participant_states(conn, codec, page)
    people = {
        participant: state
        for participant in page
        if (state := states.get(participant)) and state.place and state.place.region in regions
    }
    return Page(people, page[-1] if page else None, len(ids) > limit)


async def participations_of(conn: AsyncConnection, codec: Codec, subject: UUID) -> Mapping[UUID, Participant]:
    """Every program a subject takes or took part in, by participant."""
    ids = await conn.scalars(
        select(participations.c.participant)
        .where(participations.c.subject == subject)
        .order_by(participations.c.participant)
    )
    return await participant_states(conn, codec, ids.all())


async def partners_among(conn: AsyncConnection, subject: UUID, asked: Collection[UUID]) -> frozenset[UUID]:
    """Those among these participants with whom a subject is or was in a pair, in any program."""
    found = await conn.scalars(
        select(partners.c.partner)
        .join(participations, participations.c.participant == partners.c.participant)
        .where(participations.c.subject == subject, partners.c.partner == any_of("asked", Uuid())),
        {"asked": list(asked)},
    )
    return frozenset(found)


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
    """Participants as they are now, in the order of `ids`; those that exist."""
    streams = [PARTICIPANT.stream(participant) for participant in dict.fromkeys(ids)]
    folded = await fold(conn, codec, streams)
    return {stream.id: folded[stream] for stream in streams if folded.exists(stream)}


async def details(conn: AsyncConnection, codec: Codec, subjects: Collection[UUID]) -> Mapping[UUID, Details]:
    """What these subjects are called; without those whose names are erased or were never told."""
    streams = [SUBJECT.stream(subject) for subject in set(subjects)]
    folded = await fold(conn, codec, streams)
    return {stream.id: known for stream in streams if (known := folded[stream].details) is not None}
