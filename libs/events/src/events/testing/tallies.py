"""Two projections for the runtime's tests: totals over the counters' own log, and agreements that others tell of."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, Integer, MetaData, Table, Uuid, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.sessions import AgreementSigned
from events.runtime.consuming import Received
from events.runtime.database import unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection, TopicProjection
from events.testing.counters import Increased

metadata = MetaData()

totals = Table(
    "totals",
    metadata,
    Column("counter", Uuid, primary_key=True),
    Column("total", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Index("totals_by_size", "total"),
)
"""An event that is applied twice, or left out, shows."""

agreements = Table(
    "agreements", metadata, Column("pair", Uuid, primary_key=True), Column("seen", Integer, nullable=False)
)

_TOTALS = unnest("given", counter=Uuid(), total=Integer(), seen=Integer())
_INSERT_TOTALS = insert(totals).from_select(list(totals.c.keys()), select(_TOTALS).order_by(_TOTALS.c.counter))
_ADD_TOTALS = _INSERT_TOTALS.on_conflict_do_update(
    index_elements=[totals.c.counter],
    set_={
        "total": totals.c.total + _INSERT_TOTALS.excluded.total,
        "seen": totals.c.seen + _INSERT_TOTALS.excluded.seen,
    },
)
_AGREEMENTS = unnest("given", pair=Uuid(), seen=Integer())
_INSERT_AGREEMENTS = insert(agreements).from_select(
    list(agreements.c.keys()), select(_AGREEMENTS).order_by(_AGREEMENTS.c.pair)
)
_ADD_AGREEMENTS = _INSERT_AGREEMENTS.on_conflict_do_update(
    index_elements=[agreements.c.pair], set_={"seen": agreements.c.seen + _INSERT_AGREEMENTS.excluded.seen}
)


async def apply_totals(conn: AsyncConnection, recorded: Sequence[Recorded[Increased]]) -> None:
    """Adds up."""
    added: dict[UUID, tuple[int, int]] = {}
    for each in recorded:
        total, seen = added.get(each.stream_id, (0, 0))
        added[each.stream_id] = total + each.event.by, seen + 1
    columns: dict[str, list[Any]] = {
        "counter": list(added),
        "total": [total for total, _ in added.values()],
        "seen": [seen for _, seen in added.values()],
    }
    await conn.execute(_ADD_TOTALS, columns)


async def apply_agreements(conn: AsyncConnection, received: Sequence[Received[AgreementSigned]]) -> None:
    """Counts."""
    seen: dict[UUID, int] = {}
    for each in received:
        seen[each.event.pair] = seen.get(each.event.pair, 0) + 1
    await conn.execute(_ADD_AGREEMENTS, {"pair": list(seen), "seen": list(seen.values())})


TOTALS = StoreProjection("totals", (Increased,), apply_totals, (totals,))
AGREEMENTS = TopicProjection("agreements", (AgreementSigned,), apply_agreements, (agreements,))
