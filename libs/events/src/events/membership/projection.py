"""How events change the tables. Each kind of event sets columns of its own, so the topics may be read in any order."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select
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
from events.runtime.database import unnest
from events.runtime.projecting import TopicProjection

Row = dict[str, Any]

_GIVEN = unnest("given", **{c.name: c.type for c in members.c})
_NEW_MEMBERS = insert(members).from_select(list(members.c.keys()), select(_GIVEN).order_by(_GIVEN.c.participant))
# In one order, because consumers of both topics lock the same people's rows.
_WRITE_MEMBERS = _NEW_MEMBERS.on_conflict_do_update(
    index_elements=[members.c.participant],
    set_={
        "subject": func.coalesce(_NEW_MEMBERS.excluded.subject, members.c.subject),
        "region": func.coalesce(_NEW_MEMBERS.excluded.region, members.c.region),
        "role": func.coalesce(_NEW_MEMBERS.excluded.role, members.c.role),
        "active": and_(_NEW_MEMBERS.excluded.active, members.c.active),
    },
)


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
        await conn.execute(_WRITE_MEMBERS, {c.name: [row[c.name] for row in known.values()] for c in members.c})
    if assigned:
        await _write_coordinators(conn, [assigned[key] for key in sorted(assigned)])


def _member(known: dict[UUID, Row], event: ParticipantEnrolled | ParticipantLinked | ParticipantWithdrawn) -> Row:
    unknown = {"program": event.program, "subject": None, "region": None, "role": None, "active": True}
    return known.setdefault(event.participant, {"participant": event.participant} | unknown)


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
    tables=(members, coordinators),
)
