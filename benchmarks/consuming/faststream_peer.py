"""The peer: FastStream one message at a time, each with its effect and its inbox row in a transaction of its own.

Traced by FastStream's own middleware, acknowledged after the commit, with the same tables, statements and driver.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware
from sqlalchemy import cast, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Text

from benchmarks.consuming.inbox import create_tables, rate, taken_in
from benchmarks.services import domain
from benchmarks.services.contracts import MeterRead
from benchmarks.services.domain import Meter, ReadingBilled
from benchmarks.services.projections import UPSERT, parameters
from benchmarks.workload import LogWork
from events.runtime import telemetry
from events.runtime.database import create_pool
from events.runtime.schema import events, inbox

Effect = Callable[[AsyncConnection, MeterRead, Mapping[str, str]], Awaitable[None]]

_BILL = select(cast(events.c.data, Text)).order_by(events.c.stream_version)


def projected_per_second(work: LogWork) -> float:
    """Event → table."""
    return asyncio.run(_rate(work, project))


def reacted_per_second(work: LogWork) -> float:
    """Event → command → append."""
    return asyncio.run(_rate(work, react))


async def project(conn: AsyncConnection, event: MeterRead, _: Mapping[str, str]) -> None:
    """The same upsert, with one row."""
    await conn.execute(UPSERT, parameters([(event.meter, event)]))


async def react(conn: AsyncConnection, event: MeterRead, headers: Mapping[str, str]) -> None:
    """Load, decide, append one event."""
    stored = (await conn.scalars(_BILL.where(events.c.stream_id == event.meter))).all()
    bill = Meter()
    for data in stored:
        bill = domain.evolve(bill, ReadingBilled.model_validate_json(data))
    new = domain.bill(bill, event.reading, event.unit, event.note)
    for version, billed in enumerate(new, start=len(stored) + 1):
        metadata = {"at": headers["ce_time"], "causation": headers["ce_id"], "traceparent": headers["traceparent"]}
        await conn.execute(
            insert(events).values(
                event_id=uuid4(),
                stream_id=event.meter,
                stream_version=version,
                type=billed.type,
                schema_version=1,
                data=billed.model_dump(mode="json"),
                metadata=metadata,
            )
        )


@asynccontextmanager
async def consuming(kafka: str, topic: str, pool: AsyncEngine, effect: Effect) -> AsyncIterator[None]:
    """Consume the topic from its beginning in a group of its own, until the block ends."""
    provider = telemetry.set_up("peer", None)
    broker = KafkaBroker(kafka, middlewares=[KafkaTelemetryMiddleware(tracer_provider=provider)], logger=None)

    @broker.subscriber(
        topic, group_id=f"peer.{uuid4()}", auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR
    )
    async def handle(event: MeterRead, message: KafkaMessage) -> None:
        async with pool.begin() as conn:
            await effect(conn, event, message.headers)
            await conn.execute(
                insert(inbox).values(
                    consumer="peer",
                    event_id=UUID(message.headers["ce_id"]),
                    headers=dict(message.headers),
                    payload=json.loads(message.body),
                )
            )

    await broker.start()
    try:
        yield
    finally:
        await broker.stop()


async def _rate(work: LogWork, effect: Effect) -> float:
    pool = create_pool(work.database_url, name="peer", size=6)
    await create_tables(pool)
    async with consuming(work.kafka, work.topic, pool, effect):
        await taken_in(pool, work.messages)
    measured = await rate(pool)
    await pool.dispose()
    return measured
