"""Which pairs are due to end. Both events of a pair come from streams of their own, so either may be read first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection
from matching.domain.ending import EndDue
from matching.domain.pair import PairEnded
from matching.projections.tables import endings

_COLUMNS = list(endings.c.keys())
_GIVEN = unnest("given", **{column.name: column.type for column in endings.c})
_NEW = insert(endings).from_select(_COLUMNS, select(_GIVEN).order_by(_GIVEN.c.pair))
_WRITE = _NEW.on_conflict_do_update(
    index_elements=[endings.c.pair],
    set_={
        "due_at": func.coalesce(_NEW.excluded.due_at, endings.c.due_at),
        "ended": or_(_NEW.excluded.ended, endings.c.ended),
    },
)


async def apply(conn: AsyncConnection, recorded: Sequence[Recorded[EndDue | PairEnded]]) -> None:
    """One statement a page."""
    changed: dict[UUID, dict[str, Any]] = {}
    for event in (each.event for each in recorded):
        row = changed.setdefault(event.pair, {"pair": event.pair, "due_at": None, "ended": False})
        if isinstance(event, EndDue):
            row["due_at"] = event.due_at
        else:
            row["ended"] = True
    await conn.execute(_WRITE, {name: [row[name] for row in changed.values()] for name in _COLUMNS})


ENDINGS = StoreProjection(name="endings", handles=(EndDue, PairEnded), apply=apply, tables=(endings,))
