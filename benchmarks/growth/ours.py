"""A relay and consumers that start with a backlog, each in a process that does nothing else."""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.consuming.inbox import create_tables
from benchmarks.growth.filling import fill_log, fill_waiting
from benchmarks.services.domain import BILLING_EVENTS, METERING_EVENTS
from benchmarks.services.projections import FROM_TOPICS
from benchmarks.services.publish import PUBLICATIONS
from benchmarks.services.subscribers import REACTIONS
from benchmarks.workload import LogWork
from events.runtime import telemetry
from events.runtime.codec import Codec
from events.runtime.consumer import Consumer
from events.runtime.database import create_pool
from events.runtime.effects import Effects, Reactor, TopicProjector
from events.runtime.encryption import FileKeyWrapper, Keyring
from events.runtime.hints import Hints
from events.runtime.private_events import EventTypes
from events.runtime.relay import Relay
from events.runtime.schema import cursors, events, waiting
from events.runtime.sending import Sender
from events.runtime.subscription import Subscription

LOOKS = 0.25


class Cost(NamedTuple):
    """What one process needed for all of its backlog."""

    processor: float
    """Seconds of processor time, of this process alone."""
    wall: float
    """Seconds."""
    resident: float
    """MB, at the highest."""


def relayed(work: LogWork) -> Cost:
    """A relay with a log before it. The log is written by the database itself."""
    return asyncio.run(_relayed(work))


def projected(work: LogWork) -> Cost:
    """A projector with a topic before it: what a relay has sent."""
    return asyncio.run(_consumed(work, lambda _: TopicProjector(FROM_TOPICS[0])))


def released(work: LogWork) -> Cost:
    """A reactor with messages in its waiting room, which are all free to go; loaded by the database itself."""
    return asyncio.run(_released(work))


async def _relayed(work: LogWork) -> Cost:
    async with _pool(work) as pool:
        await fill_log(pool, work.messages)
        hints = Hints(None, "benchmarks")
        sender = Sender(
            bootstrap_servers=work.kafka,
            codec=_codec(pool, METERING_EVENTS),
            publications=PUBLICATIONS,
            source="/viceversa/local/metering",
            schema_base="http://127.0.0.1:8000/v1/schemas",
        )
        relay = Relay(work.database_url, sender, hints.reader())
        async with pool.connect() as conn:
            end = await conn.scalar(select(func.max(events.c.sequence)))
        return await _until(pool, relay.run(), lambda found: found == end, select(func.max(cursors.c.sequence)))


async def _consumed(work: LogWork, effects: Callable[[Codec], Effects]) -> Cost:
    async with _pool(work) as pool:
        consumer = Consumer("benchmarks", f"benchmarks.{uuid4()}", pool, effects(_codec(pool, BILLING_EVENTS)))
        subscription = Subscription(work.kafka, [consumer], "benchmarks")
        # Counted only when the identity says that there may be enough: a million rows four times a second is work, too.
        taken = text(
            "select case when pg_sequence_last_value('inbox_sequence_seq') >= :messages"
            " then (select count(*) from inbox) else 0 end"
        ).bindparams(messages=work.messages)
        return await _until(pool, subscription.run(), lambda found: found >= work.messages, taken)


async def _released(work: LogWork) -> Cost:
    async with _pool(work) as pool:
        await fill_waiting(pool, "benchmarks", work.messages)
        codec = _codec(pool, BILLING_EVENTS)
        consumer = Consumer("benchmarks", "benchmarks", pool, Reactor(codec, REACTIONS, lambda: None))
        left = select(select(waiting.c.key).exists())
        return await _until(pool, _releasing(consumer), lambda found: not found, left)


async def _releasing(consumer: Consumer) -> None:
    while True:
        await consumer.release()
        await asyncio.sleep(0)


async def _until(pool: AsyncEngine, work: Any, done: Callable[[Any], bool], look: Any) -> Cost:  # noqa: ANN401 - of any kind
    processor, wall = time.process_time(), time.perf_counter()
    running = asyncio.ensure_future(work)
    while True:
        if running.done():
            running.result()
            raise RuntimeError("it ended before its work did")
        async with pool.connect() as conn:
            if done(await conn.scalar(look)):
                break
        await asyncio.sleep(LOOKS)
    cost = Cost(time.process_time() - processor, time.perf_counter() - wall, _resident())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return cost


def _resident() -> float:
    """The highest since the process began; kilobytes on Linux, bytes on macOS."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1_000_000 if sys.platform == "darwin" else 1_000)


@asynccontextmanager
async def _pool(work: LogWork) -> AsyncIterator[AsyncEngine]:
    telemetry.set_up("benchmarks", None)
    pool = create_pool(work.database_url, name="benchmarks", size=6)
    await create_tables(pool)
    yield pool
    await pool.dispose()


def _codec(pool: AsyncEngine, types: tuple[Any, ...]) -> Codec:
    return Codec(EventTypes(types), Keyring(pool, FileKeyWrapper(bytes(32))))
