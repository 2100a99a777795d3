"""How events change the tables. Each kind of event sets columns of its own, so the topics may be read in any order."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, and_, column, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.enrollment import (
    CoordinatorAssigned,
    ParticipantEnrolled,
    ParticipantLinked,
    ParticipantWithdrawn,
)
from events.membership.tables import coordinators, members
from events.runtime.consuming import Received
from events.runtime.projecting import TopicProjection

Row = dict[str, Any]


async def apply(conn: AsyncConnection, received: Sequence[Received[Any]]) -> None:
    """One statement for all members and one for all coordinators, however many events arrived."""
    known: dict[UUID, Row] = {}
    assigned: dict[tuple[UUID, UUID], Row] = {}
    for event in (message.event for message in received):
        match event:
            case CoordinatorAssigned():
                assigned[event.program, event.subject] = event.model_dump()
            case ParticipantEnrolled():
                _member(known, event).update(region=event.region, role=event.role.value)
            case ParticipantLinked():
                _member(known, event).update(subject=event.subject)
            case ParticipantWithdrawn():
                _member(known, event).update(active=False)
    if known:
        await _write_members(conn, [known[participant] for participant in sorted(known)])
    if assigned:
        await _write_coordinators(conn, [assigned[key] for key in sorted(assigned)])


def _member(known: dict[UUID, Row], event: ParticipantEnrolled | ParticipantLinked | ParticipantWithdrawn) -> Row:
    unknown = {"program": event.program, "subject": None, "region": None, "role": None, "active": True}
    return known.setdefault(event.participant, {"participant": event.participant} | unknown)


async def _write_members(conn: AsyncConnection, rows: Sequence[Row]) -> None:
    # Rows come sorted: two consumers that hold events of the same people lock them in one order.
    arrays = [literal([row[c.name] for row in rows], ARRAY(c.type)) for c in members.c]
    given = func.unnest(*arrays).table_valued(*(column(c.name, c.type) for c in members.c), name="given")
    insertion = insert(members).from_select(list(members.c.keys()), select(*given.render_derived().c))
    new = insertion.excluded
    await conn.execute(
        insertion.on_conflict_do_update(
            index_elements=[members.c.participant],
            set_={
                "subject": func.coalesce(new.subject, members.c.subject),
                "region": func.coalesce(new.region, members.c.region),
                "role": func.coalesce(new.role, members.c.role),
                "active": and_(new.active, members.c.active),
            },
        )
    )


async def _write_coordinators(conn: AsyncConnection, rows: Sequence[Row]) -> None:
    insertion = insert(coordinators).values([{**row, "regions": list(row["regions"])} for row in rows])
    await conn.execute(
        insertion.on_conflict_do_update(
            index_elements=[coordinators.c.program, coordinators.c.subject],
            set_={"regions": insertion.excluded.regions},
        )
    )


MEMBERSHIP = TopicProjection(
    name="membership",
    handles=(ParticipantEnrolled, ParticipantLinked, CoordinatorAssigned, ParticipantWithdrawn),
    apply=apply,
)
