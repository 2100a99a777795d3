"""What is rebuilt: a store with meters and their readings, and the inbox of one who heard of them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from opentelemetry import trace
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.services import commands
from benchmarks.services.contracts import MeterRead
from benchmarks.services.domain import METERING_EVENTS
from benchmarks.services.projections import FROM_TOPICS
from benchmarks.services.projections import metadata as projected
from benchmarks.workload import NOTE, READINGS_A_METER, UNIT, RebuildWork
from events.contracts.envelope import Envelope
from events.runtime import store, telemetry
from events.runtime.codec import Codec
from events.runtime.database import create_pool
from events.runtime.deciding import decide
from events.runtime.encryption import FileKeyWrapper, Keyring
from events.runtime.inbox import Inbox
from events.runtime.messages import Message
from events.runtime.private_events import EventTypes
from events.runtime.schema import metadata

_METERS_AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class History:
    """A database that holds so many readings."""

    url: str
    pool: AsyncEngine
    codec: Codec
    readings: int


@asynccontextmanager
async def stored(work: RebuildWork) -> AsyncIterator[History]:
    """Readings in the store: of each meter four, after its installation."""
    async with _opened(work) as history:
        for meters in _meters(work):
            decisions = [
                commands.take_reading(meter, UNIT, NOTE, now=datetime.now(UTC))
                for _ in range(READINGS_A_METER)
                for meter in meters
            ]
            async with history.pool.begin() as conn:
                decided = await decide(conn, history.codec, decisions, [_traceparent()] * len(decisions))
                await store.append(conn, decided.rows)
        yield history


@asynccontextmanager
async def taken_in(work: RebuildWork) -> AsyncIterator[History]:
    """The same readings in an inbox."""
    async with _opened(work) as history:
        inbox = Inbox(FROM_TOPICS[0].name)
        for meters in _meters(work):
            messages = [_told(meter, number) for number in range(1, READINGS_A_METER + 1) for meter in meters]
            async with history.pool.begin() as conn:
                await inbox.take_in(conn, messages)
        yield history


@asynccontextmanager
async def _opened(work: RebuildWork) -> AsyncIterator[History]:
    telemetry.set_up("benchmarks", None)
    pool = create_pool(work.database_url, name="benchmarks", size=4)
    async with pool.begin() as conn:
        await conn.run_sync(metadata.create_all)
        await conn.run_sync(projected.create_all)
    codec = Codec(EventTypes(METERING_EVENTS), Keyring(pool, FileKeyWrapper(bytes(32))))
    try:
        yield History(work.database_url, pool, codec, work.readings)
    finally:
        await pool.dispose()


def _meters(work: RebuildWork) -> Iterable[list[UUID]]:
    for _ in range(work.readings // READINGS_A_METER // _METERS_AT_ONCE):
        yield [uuid4() for _ in range(_METERS_AT_ONCE)]


def _told(meter: UUID, number: int) -> Message:
    envelope = Envelope(
        id=uuid4(),
        source="/viceversa/local/metering",
        type=MeterRead.type,
        subject=meter,
        time=datetime.now(UTC),
        sequence=number + 1,
        dataschema=f"http://127.0.0.1:8000/v1/schemas/{MeterRead.type}",
        correlation=meter,
        causation=None,
        creation_traceparent=_traceparent(),
    )
    return Message.of(envelope, MeterRead(meter=meter, reading=number, unit=UNIT, note=NOTE), _traceparent())


def _traceparent() -> str | None:
    with trace.get_tracer("benchmarks").start_as_current_span("fill") as span:
        return telemetry.traceparent_of(span.get_span_context())
