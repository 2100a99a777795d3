"""Reads over feedback's tables. None of them answers who of others was asked or has answered, except to the clock."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, any_, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from feedback.domain.sheet import SheetOpened, State
from feedback.projections import finished_programs, sheets, units


class Unannounced(NamedTuple):
    """An answer that the world has not heard of."""

    sheet: UUID
    day: date


class HeldSheet(NamedTuple):
    """A sheet as it was opened, and where it stands."""

    opened: SheetOpened
    state: State
    version: int


async def sheets_of(
    conn: AsyncConnection,
    participants: Collection[UUID],
    *,
    states: Collection[State] = tuple(State),
    after: tuple[datetime, UUID] | None = None,
    limit: int,
) -> list[HeldSheet]:
    """Sheets of these participants, the first due first, beyond the cursor (due, sheet)."""
    statement = (
        select(sheets)
        .where(
            sheets.c.participant == any_(literal(list(participants), ARRAY(Uuid))),
            sheets.c.state.in_([state.value for state in states]),
        )
        .order_by(sheets.c.due_at, sheets.c.sheet)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(sheets.c.due_at, sheets.c.sheet) > tuple_(*map(literal, after)))
    return [_held(row) for row in await conn.execute(statement)]


async def unit_of(conn: AsyncConnection, participant: UUID) -> str | None:
    """The unit that somebody works in now."""
    unit: str | None = await conn.scalar(select(units.c.unit).where(units.c.participant == participant))
    return unit


async def unannounced(conn: AsyncConnection, *, before: datetime, limit: int) -> list[Unannounced]:
    """Answers given before a moment that were not announced yet, in an order that has nothing to do with time."""
    rows = await conn.execute(
        select(sheets.c.sheet, sheets.c.day)
        .where(~sheets.c.announced, sheets.c.answered_at < before)
        .order_by(sheets.c.sheet)
        .limit(limit)
    )
    return [Unannounced(row.sheet, row.day) for row in rows]


async def open_after_the_end(conn: AsyncConnection, *, limit: int) -> list[UUID]:
    """Sheets that are open though their program has ended."""
    found = await conn.scalars(
        select(sheets.c.sheet)
        .where(sheets.c.state == State.OPEN.value, sheets.c.program.in_(select(finished_programs.c.program)))
        .order_by(sheets.c.sheet)
        .limit(limit)
    )
    return list(found)


def _held(row: Row[Any]) -> HeldSheet:
    opened = SheetOpened.model_validate({name: getattr(row, name) for name in SheetOpened.model_fields})
    return HeldSheet(opened, State(row.state), row.version)
