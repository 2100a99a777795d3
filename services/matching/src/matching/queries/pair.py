"""Proposals and pairs of people and programs."""

from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Text, Uuid, and_, any_, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from matching.domain.pair import State
from matching.domain.round import Explanation
from matching.projections.tables import pairs

MADE = (State.CREATED.value, State.ENDED.value)
"""States of what both sides accepted."""


class ListedPair(NamedTuple):
    """A row of a list."""

    pair: UUID
    program: UUID
    mentor: UUID
    mentee: UUID
    mentor_region: str
    mentee_region: str
    state: State
    version: int
    explanation: Explanation


_ROW = select(*(pairs.c[name] for name in ListedPair._fields))


async def open_proposals(conn: AsyncConnection, participants: Collection[UUID]) -> list[ListedPair]:
    """Proposals that wait for the answer of one of these participants."""
    theirs = or_(
        and_(_one_of(pairs.c.mentor, participants), pairs.c.state == State.PROPOSED.value),
        and_(_one_of(pairs.c.mentee, participants), pairs.c.state == State.MENTOR_ACCEPTED.value),
    )
    return [_listed(row) for row in await conn.execute(_ROW.where(theirs).order_by(pairs.c.pair))]


async def pairs_of(conn: AsyncConnection, participants: Collection[UUID]) -> list[ListedPair]:
    """Pairs that these participants are or were in."""
    theirs = or_(_one_of(pairs.c.mentor, participants), _one_of(pairs.c.mentee, participants))
    rows = await conn.execute(_ROW.where(theirs, pairs.c.state.in_(MADE)).order_by(pairs.c.pair))
    return [_listed(row) for row in rows]


async def pairs_of_program(
    conn: AsyncConnection, program: UUID, *, regions: Collection[str] | None, after: UUID | None, limit: int
) -> list[ListedPair]:
    """Pairs of a program with somebody of these regions (None: of all), beyond the cursor."""
    statement = _ROW.where(pairs.c.program == program, pairs.c.state.in_(MADE)).order_by(pairs.c.pair).limit(limit)
    if regions is not None:
        theirs = literal(list(regions), ARRAY(Text))
        statement = statement.where(or_(pairs.c.mentor_region == any_(theirs), pairs.c.mentee_region == any_(theirs)))
    if after is not None:
        statement = statement.where(pairs.c.pair > after)
    return [_listed(row) for row in await conn.execute(statement)]


def _one_of(column: ColumnElement[UUID], participants: Collection[UUID]) -> ColumnElement[bool]:
    return column == any_(literal(list(participants), ARRAY(Uuid)))


def _listed(row: Row[Any]) -> ListedPair:
    fields = {name: getattr(row, name) for name in ListedPair._fields}
    return ListedPair(
        **fields | {"state": State(row.state), "explanation": Explanation.model_validate(row.explanation)}
    )
