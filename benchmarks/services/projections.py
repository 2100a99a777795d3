"""What reporting shows: the last reading of every meter."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.services.contracts import MeterRead
from events.runtime.consuming import Received
from events.runtime.database import unnest
from events.runtime.projecting import TopicProjection

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


def parameters(events: Sequence[MeterRead]) -> dict[str, list[Any]]:
    """Parameters of UPSERT: one row a meter."""
    last: dict[Any, MeterRead] = {}
    count: dict[Any, int] = {}
    for event in events:
        count[event.meter] = count.get(event.meter, 0) + 1
        if event.meter not in last or event.reading >= last[event.meter].reading:
            last[event.meter] = event
    return {
        "meter": list(last),
        "reading": [event.reading for event in last.values()],
        "readings": [count[meter] for meter in last],
        "unit": [event.unit for event in last.values()],
        "note": [event.note for event in last.values()],
    }


async def apply_readings(conn: AsyncConnection, received: Sequence[Received[MeterRead]]) -> None:
    """One statement for any number of readings."""
    await conn.execute(UPSERT, parameters([each.event for each in received]))


FROM_TOPICS = (
    TopicProjection(name="last_readings", handles=(MeterRead,), apply=apply_readings, tables=(last_readings,)),
)
