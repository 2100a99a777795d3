"""Our relay, from a store that holds the events to a broker that has acknowledged them."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

from opentelemetry import trace
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.services import commands
from benchmarks.services.domain import METERING_EVENTS
from benchmarks.services.projections import metadata as projected
from benchmarks.services.publish import PUBLICATIONS
from benchmarks.workload import NOTE, READINGS_A_METER, UNIT, LogWork
from events.runtime import store, telemetry
from events.runtime.codec import Codec
from events.runtime.database import create_pool
from events.runtime.deciding import decide
from events.runtime.encryption import FileKeyWrapper, Keyring
from events.runtime.hints import Hints
from events.runtime.private_events import EventTypes
from events.runtime.relay import Relay
from events.runtime.schema import cursors, events, metadata
from events.runtime.sending import Sender

WARM = 500
LOOKS = 0.01


def messages_per_second(work: LogWork) -> float:
    """Messages a second, while the relay has more to send."""
    return asyncio.run(_rate(work))


async def _rate(work: LogWork) -> float:
    telemetry.set_up("benchmarks", None)
    pool = create_pool(work.database_url, name="benchmarks", size=4)
    async with pool.begin() as conn:
        await conn.run_sync(metadata.create_all)
        await conn.run_sync(projected.create_all)
    codec = Codec(EventTypes(METERING_EVENTS), Keyring(pool, FileKeyWrapper(bytes(32))))
    hints = Hints(None, "benchmarks")
    sender = Sender(
        bootstrap_servers=work.kafka,
        codec=codec,
        publications=PUBLICATIONS,
        source="/viceversa/local/metering",
        schema_base="http://127.0.0.1:8000/v1/schemas",
    )
    relay = Relay(work.database_url, sender, hints.reader())
    running = asyncio.gather(relay.run(), hints.watch(pool))
    await _append(pool, codec, WARM)
    await _relayed(pool)
    await _append(pool, codec, work.messages - WARM)
    began = time.perf_counter()
    hints.committed()
    await _relayed(pool)
    seconds = time.perf_counter() - began
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await pool.dispose()
    return (work.messages - WARM) / seconds


async def _append(pool: AsyncEngine, codec: Codec, messages: int) -> None:
    """Append in one transaction, so that all of it is there at once."""
    meters = [uuid4() for _ in range(messages // READINGS_A_METER)]
    with trace.get_tracer("benchmarks").start_as_current_span("fill") as span:
        traceparent = telemetry.traceparent_of(span.get_span_context())
    async with pool.begin() as conn:
        readings = [
            commands.take_reading(meter, UNIT, NOTE, now=datetime.now(UTC))
            for _ in range(READINGS_A_METER)
            for meter in meters
        ]
        decided = await decide(conn, codec, readings, [traceparent] * len(readings))
        await store.append(conn, decided.rows)


async def _relayed(pool: AsyncEngine) -> None:
    """Return when the relay's cursor stands at the end of the log."""
    async with pool.connect() as conn:
        end = await conn.scalar(select(func.max(events.c.sequence)))
    reached = select(cursors.c.sequence)
    while True:
        async with pool.connect() as conn:
            if await conn.scalar(reached) == end:
                return
        await asyncio.sleep(LOOKS)
