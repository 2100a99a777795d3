"""Rounds, and where they stand."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection
from matching.domain.round import RoundDiscarded, RoundDrafted, RoundPublished, State
from matching.projections.tables import rounds

_COLUMNS = list(rounds.c.keys())
_GIVEN = unnest("given", **{column.name: column.type for column in rounds.c})
_DRAFTED = insert(rounds).from_select(_COLUMNS, select(_GIVEN)).on_conflict_do_nothing()
# The names of an UPDATE's own columns are taken; its parameters need others.
_CHANGED = unnest("changed", changed=Uuid(), new_state=Text(), new_published_at=DateTime(timezone=True))
_FINISHED = (
    update(rounds)
    .where(rounds.c.round == _CHANGED.c.changed)
    .values(state=_CHANGED.c.new_state, published_at=_CHANGED.c.new_published_at)
)


async def apply(conn: AsyncConnection, recorded: Sequence[Recorded[Any]]) -> None:
    """At most two statements a page."""
    drafted: dict[UUID, dict[str, Any]] = {}
    finished: dict[UUID, dict[str, Any]] = {}
    for each in recorded:
        event = each.event
        match event:
            case RoundDrafted():
                drafted[event.round] = {
                    "round": event.round,
                    "program": event.program,
                    "number": event.number,
                    "state": State.DRAFT.value,
                    "published_at": None,
                }
            case RoundPublished():
                finished[event.round] = {"state": State.PUBLISHED.value, "published_at": each.at}
            case RoundDiscarded():
                finished[event.round] = {"state": State.DISCARDED.value, "published_at": None}
    if drafted:
        await conn.execute(_DRAFTED, {name: [row[name] for row in drafted.values()] for name in _COLUMNS})
    if finished:
        changes = {f"new_{name}": [row[name] for row in finished.values()] for name in ("state", "published_at")}
        await conn.execute(_FINISHED, {"changed": list(finished), **changes})


ROUNDS = StoreProjection(
    name="rounds", handles=(RoundDrafted, RoundPublished, RoundDiscarded), apply=apply, tables=(rounds,)
)
