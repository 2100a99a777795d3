"""Whom a round leaves out, and whether their own stream knows. Its events come from two kinds of streams."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import any_of, unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection
from matching.domain.candidate import RoundMissed
from matching.domain.round import RoundDiscarded, UnmatchedDrafted
from matching.projections.tables import missed

_COLUMNS = list(missed.c.keys())
_GIVEN = unnest("given", **{column.name: column.type for column in missed.c})
_NEW = insert(missed).from_select(_COLUMNS, select(_GIVEN).order_by(_GIVEN.c.round, _GIVEN.c.participant))
_WRITE = _NEW.on_conflict_do_update(
    index_elements=[missed.c.round, missed.c.participant], set_={"told": or_(_NEW.excluded.told, missed.c.told)}
)
_FORGET = delete(missed).where(missed.c.round == any_of("rounds", Uuid()))


async def apply(conn: AsyncConnection, recorded: Sequence[Recorded[Any]]) -> None:
    """At most two statements a page."""
    told: dict[tuple[UUID, UUID], bool] = {}
    discarded: list[UUID] = []
    for event in (each.event for each in recorded):
        match event:
            case UnmatchedDrafted():
                for who in event.unmatched:
                    told.setdefault((event.round, who.participant), False)
            case RoundMissed():
                told[event.round, event.participant] = True
            case RoundDiscarded():
                discarded.append(event.round)
    if told:
        rows = [(*key, known) for key, known in told.items()]
        await conn.execute(_WRITE, {name: [row[i] for row in rows] for i, name in enumerate(_COLUMNS)})
    if discarded:
        await conn.execute(_FORGET, {"rounds": discarded})


MISSED = StoreProjection(
    name="missed", handles=(UnmatchedDrafted, RoundMissed, RoundDiscarded), apply=apply, tables=(missed,)
)
