"""Tables for lists and for the clock, and how events change them. No answer is ever among them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.enrollment import WorkProfileSet
from events.membership import MEMBERSHIP
from events.runtime.consuming import Received
from events.runtime.database import unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection, TopicProjection
from feedback.domain.program import ProgramOver
from feedback.domain.sheet import AnswersAnnounced, SheetAnswered, SheetClosed, SheetOpened, State

metadata = MetaData()
Row = dict[str, Any]

sheets = Table(
    "sheets",
    metadata,
    Column("sheet", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("participant", Uuid, nullable=False),
    Column("program", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("pair", Uuid),
    Column("number", Integer),
    Column("rating_threshold", Integer, nullable=False),
    Column("comment_threshold", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("answered_at", DateTime(timezone=True)),
    Column("day", Date),
    Column("announced", Boolean, nullable=False),
    Index("sheets_participant", "participant", "due_at", "sheet"),
)
Index("sheets_unannounced", sheets.c.answered_at, postgresql_where=~sheets.c.announced)
Index("sheets_open", sheets.c.program, postgresql_where=sheets.c.state == State.OPEN.value)

finished_programs = Table("finished_programs", metadata, Column("program", Uuid, primary_key=True))

units = Table(
    "units",
    metadata,
    Column("participant", Uuid, primary_key=True),
    Column("unit", Text, nullable=False),
)

_NEW_SHEETS = unnest("given", **{column.name: column.type for column in sheets.c})
_INSERT_SHEETS = insert(sheets).from_select(list(sheets.c.keys()), select(*_NEW_SHEETS.c))

_CHANGEABLE = (sheets.c.version, sheets.c.state, sheets.c.answered_at, sheets.c.day, sheets.c.announced)
# The names of an UPDATE's own columns are taken; its parameters need others.
_CHANGES = unnest("given", changed=Uuid(), **{f"new_{column.name}": column.type for column in _CHANGEABLE})
_UPDATE_SHEETS = (
    update(sheets)
    .where(sheets.c.sheet == _CHANGES.c.changed)
    .values({column: func.coalesce(_CHANGES.c[f"new_{column.name}"], column) for column in _CHANGEABLE})
)

_GIVEN_PROGRAMS = unnest("given", program=Uuid())
_INSERT_PROGRAMS = (
    insert(finished_programs).from_select(["program"], select(*_GIVEN_PROGRAMS.c)).on_conflict_do_nothing()
)

_GIVEN_UNITS = unnest("given", participant=Uuid(), unit=Text())
_INSERT_UNITS = insert(units).from_select(["participant", "unit"], select(*_GIVEN_UNITS.c))
_SET_UNITS = _INSERT_UNITS.on_conflict_do_update(
    index_elements=[units.c.participant], set_={"unit": _INSERT_UNITS.excluded.unit}
)


async def apply_sheets(conn: AsyncConnection, recorded: Sequence[Recorded[Any]]) -> None:
    """Two statements a page: one inserts the sheets it opens, as they stand at its end, one changes the others."""
    opened: dict[UUID, Row] = {}
    changed: dict[UUID, Row] = {}
    for each in recorded:
        if isinstance(each.event, SheetOpened):
            opened[each.stream_id] = _row_of(each.event)
        row = opened.get(each.stream_id) or changed.setdefault(each.stream_id, {})
        row["version"] = each.version
        match each.event:
            case SheetAnswered():
                row.update(state=State.ANSWERED.value, answered_at=each.at, day=each.event.day)
            case SheetClosed():
                row["state"] = State.CLOSED.value
            case AnswersAnnounced():
                row["announced"] = True
    if opened:
        await conn.execute(_INSERT_SHEETS, _columns(list(opened.values()), *sheets.c.keys()))
    if changed:
        rows = [changed[sheet] for sheet in sorted(changed)]
        changes = {f"new_{column.name}": [row.get(column.name) for row in rows] for column in _CHANGEABLE}
        await conn.execute(_UPDATE_SHEETS, {"changed": sorted(changed), **changes})


async def apply_programs(conn: AsyncConnection, recorded: Sequence[Recorded[ProgramOver]]) -> None:
    """Programs whose open sheets the clock has to close."""
    await conn.execute(_INSERT_PROGRAMS, {"program": sorted({each.event.program for each in recorded})})


async def apply_units(conn: AsyncConnection, received: Sequence[Received[WorkProfileSet]]) -> None:
    """The unit of each participant, to be frozen with their answers."""
    latest = {each.event.participant: each.event.unit for each in received}
    rows = [{"participant": participant, "unit": latest[participant]} for participant in sorted(latest)]
    await conn.execute(_SET_UNITS, _columns(rows, "participant", "unit"))


def _row_of(opened: SheetOpened) -> Row:
    return {
        "sheet": opened.sheet,
        "participant": opened.participant,
        "program": opened.program,
        "role": opened.role.value,
        "instrument": opened.instrument,
        "edition": opened.edition,
        "pair": opened.pair,
        "number": opened.number,
        "rating_threshold": opened.rating_threshold,
        "comment_threshold": opened.comment_threshold,
        "due_at": opened.due_at,
        "state": State.OPEN.value,
        "announced": False,
    }


def _columns(rows: Sequence[Row], *names: str) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in names}


FROM_STORE = (
    StoreProjection(
        name="sheets",
        handles=(SheetOpened, SheetAnswered, SheetClosed, AnswersAnnounced),
        apply=apply_sheets,
        tables=(sheets,),
    ),
    StoreProjection(
        name="finished programs", handles=(ProgramOver,), apply=apply_programs, tables=(finished_programs,)
    ),
)
FROM_TOPICS = (
    MEMBERSHIP,
    TopicProjection(name="units", handles=(WorkProfileSet,), apply=apply_units, tables=(units,)),
)
