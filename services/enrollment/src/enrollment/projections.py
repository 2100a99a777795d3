"""Tables of programs, of who takes part where, and of who is whose partner. Ids and regions, never a name."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Date, Index, MetaData, PrimaryKeyConstraint, Table, Text, Uuid, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.domain.participant import ParticipantEnrolled
from enrollment.domain.program import ProgramClosed, ProgramDrafted, ProgramOpened, State
from events.contracts.matching import PairCreated
from events.runtime.consuming import Received
from events.runtime.database import unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection, TopicProjection

metadata = MetaData()

participants = Table(
    "participants",
    metadata,
    Column("participant", Uuid, primary_key=True),
    Column("program", Uuid, nullable=False),
    Column("region", Text, nullable=False),
    Index("participants_program", "program", "region"),
)

programs = Table(
    "programs",
    metadata,
    Column("program", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("state", Text, nullable=False),
)

partners = Table(
    "partners",
    metadata,
    Column("participant", Uuid, nullable=False),
    Column("partner", Uuid, nullable=False),
    PrimaryKeyConstraint("participant", "partner", name="partners_pkey"),
)

_ENROLLED = unnest("enrolled", participant=Uuid(), program=Uuid(), region=Text())
_INSERT_PARTICIPANTS = (
    insert(participants)
    .from_select(list(participants.c.keys()), select(_ENROLLED).order_by(_ENROLLED.c.participant))
    .on_conflict_do_nothing()
)

_DRAFTED = unnest("drafted", program=Uuid(), name=Text(), starts_on=Date(), ends_on=Date(), state=Text())
_INSERT_PROGRAMS = (
    insert(programs)
    .from_select(list(programs.c.keys()), select(_DRAFTED).order_by(_DRAFTED.c.program))
    .on_conflict_do_nothing()
)
_CHANGED = unnest("changed", which=Uuid(), became=Text())
_CHANGE_PROGRAMS = update(programs).where(programs.c.program == _CHANGED.c.which).values(state=_CHANGED.c.became)

_PAIRED = unnest("paired", participant=Uuid(), partner=Uuid())
_INSERT_PARTNERS = (
    insert(partners)
    .from_select(list(partners.c.keys()), select(_PAIRED).order_by(_PAIRED.c.participant, _PAIRED.c.partner))
    .on_conflict_do_nothing()
)


async def apply_participants(conn: AsyncConnection, recorded: Sequence[Recorded[ParticipantEnrolled]]) -> None:
    """Everyone who came, with one statement. Their region stays."""
    await conn.execute(
        _INSERT_PARTICIPANTS,
        {
            "participant": [r.stream_id for r in recorded],
            "program": [r.event.program for r in recorded],
            "region": [r.event.region for r in recorded],
        },
    )


async def apply_programs(conn: AsyncConnection, recorded: Sequence[Recorded[Any]]) -> None:
    """Programs and how far each has come: one statement for new ones, one for those that went on."""
    drafted = [(r.stream_id, r.event.terms) for r in recorded if isinstance(r.event, ProgramDrafted)]
    states = {
        r.stream_id: (State.OPEN if isinstance(r.event, ProgramOpened) else State.CLOSED).value
        for r in recorded
        if isinstance(r.event, ProgramOpened | ProgramClosed)
    }
    if drafted:
        await conn.execute(
            _INSERT_PROGRAMS,
            {
                "program": [program for program, _ in drafted],
                "name": [terms.name for _, terms in drafted],
                "starts_on": [terms.starts_on for _, terms in drafted],
                "ends_on": [terms.ends_on for _, terms in drafted],
                "state": [State.DRAFT.value] * len(drafted),
            },
        )
    if states:
        await conn.execute(_CHANGE_PROGRAMS, {"which": list(states), "became": list(states.values())})


async def apply_partners(conn: AsyncConnection, received: Sequence[Received[PairCreated]]) -> None:
    """Everyone who got a partner, with one statement, each side with the other.

    That a pair ended is not followed: who has met somebody knows their name, lists go on showing the pair, and so
    enrollment need not know which pairs last.
    """
    sides = [(message.event.mentor, message.event.mentee) for message in received]
    both_ways = [*sides, *((mentee, mentor) for mentor, mentee in sides)]
    await conn.execute(
        _INSERT_PARTNERS,
        {
            "participant": [participant for participant, _ in both_ways],
            "partner": [partner for _, partner in both_ways],
        },
    )


FROM_STORE = (
    StoreProjection(
        name="participants", handles=(ParticipantEnrolled,), apply=apply_participants, tables=(participants,)
    ),
    StoreProjection(
        name="programs",
        handles=(ProgramDrafted, ProgramOpened, ProgramClosed),
        apply=apply_programs,
        tables=(programs,),
    ),
)
FROM_TOPICS = (TopicProjection(name="partners", handles=(PairCreated,), apply=apply_partners, tables=(partners,)),)
