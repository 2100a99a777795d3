"""The peer: FastStream publishes, FastStream in another process writes the row, one message at a time."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from uuid import UUID, uuid4

from faststream.kafka import KafkaBroker
from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware

from benchmarks.consuming.faststream_peer import consuming, project
from benchmarks.consuming.inbox import create_tables
from benchmarks.figures import settle
from benchmarks.latency.arrivals import listening
from benchmarks.latency.pace import Percentiles, steadily
from benchmarks.services.contracts import MeterRead
from benchmarks.workload import NOTE, UNIT, LogWork
from events.runtime import telemetry
from events.runtime.database import create_pool


@contextmanager
def subscriber(work: LogWork) -> Iterator[None]:
    """The other process."""
    context = get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_subscribe, args=(work, ready))
    process.start()
    try:
        ready.wait(60)
        yield
    finally:
        process.terminate()
        process.join(30)


def percentiles(work: LogWork, seconds: float) -> Percentiles:
    """Of rows that come after the publisher began to publish."""
    return asyncio.run(_percentiles(work, seconds))


async def _percentiles(work: LogWork, seconds: float) -> Percentiles:
    provider = telemetry.set_up("peer", None)
    broker = KafkaBroker(work.kafka, middlewares=[KafkaTelemetryMiddleware(tracer_provider=provider)], logger=None)

    async def publish(meter: UUID) -> float:
        event = MeterRead(meter=meter, reading=1, unit=UNIT, note=NOTE)
        began = time.perf_counter()
        await broker.publish(event, topic=work.topic, key=str(meter).encode(), headers={"ce_id": str(uuid4())})
        return began

    async with broker, listening(work.database_url) as arrivals:
        await broker.start()
        began = await steadily(seconds, publish)
        return Percentiles.of(await arrivals.after(began))


def _subscribe(work: LogWork, ready: Event) -> None:
    settle()
    asyncio.run(_consume(work, ready))


async def _consume(work: LogWork, ready: Event) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pool = create_pool(work.database_url, name="peer", size=6)
    await create_tables(pool)
    async with consuming(work.kafka, work.topic, pool, project):
        ready.set()
        await stop.wait()
    await pool.dispose()
