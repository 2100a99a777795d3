"""What reporting shows: the last reading of every meter."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.services.contracts import MeterRead
from benchmarks.services.domain import ReadingTaken
from events.runtime.consuming import Received
from events.runtime.database import unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection, TopicProjection

metadata = MetaData()

last_readings = Table(
    "last_readings",
    metadata,
    Column("meter", Uuid, primary_key=True),
    Column("reading", Integer, nullable=False),
    Column("readings", Integer, nullable=False),
    Column("unit", Text, nullable=False),
    Column("note", Text, nullable=False),
)

_NEW = unnest("new", meter=Uuid(), reading=Integer(), readings=Integer(), unit=Text(), note=Text())
_INSERT = insert(last_readings).from_select(
    [column.name for column in last_readings.columns],
    select(_NEW.c.meter, _NEW.c.reading, _NEW.c.readings, _NEW.c.unit, _NEW.c.note).order_by(_NEW.c.meter),
)
UPSERT = _INSERT.on_conflict_do_update(
    index_elements=["meter"],
    set_={
        "reading": func.greatest(last_readings.c.reading, _INSERT.excluded.reading),
        "readings": last_readings.c.readings + _INSERT.excluded.readings,
        "unit": _INSERT.excluded.unit,
        "note": _INSERT.excluded.note,
    },
)


def parameters(events: Iterable[tuple[UUID, MeterRead | ReadingTaken]]) -> dict[str, list[Any]]:
    """Parameters of UPSERT: one row a meter."""
    last: dict[UUID, MeterRead | ReadingTaken] = {}
    count: dict[UUID, int] = {}
    for meter, event in events:
        count[meter] = count.get(meter, 0) + 1
        if meter not in last or event.reading >= last[meter].reading:
            last[meter] = event
    return {
        "meter": list(last),
        "reading": [event.reading for event in last.values()],
        "readings": [count[meter] for meter in last],
        "unit": [event.unit for event in last.values()],
        "note": [event.note for event in last.values()],
    }


async def apply_readings(conn: AsyncConnection, received: Sequence[Received[MeterRead]]) -> None:
    """One statement for any number of readings."""
    await conn.execute(UPSERT, parameters((each.event.meter, each.event) for each in received))


async def apply_own_readings(conn: AsyncConnection, recorded: Sequence[Recorded[ReadingTaken]]) -> None:
    """The same over metering's own store."""
    await conn.execute(UPSERT, parameters((each.stream_id, each.event) for each in recorded))


FROM_STORE = (StoreProjection("last_readings", (ReadingTaken,), apply_own_readings, (last_readings,)),)
FROM_TOPICS = (
    TopicProjection(name="last_readings", handles=(MeterRead,), apply=apply_readings, tables=(last_readings,)),
)
