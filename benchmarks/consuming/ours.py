"""Our consumers: a projector and a reactor, by the runtime's own machinery."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from benchmarks.consuming.inbox import create_tables, rate, taken_in
from benchmarks.services.domain import BILLING_EVENTS
from benchmarks.services.projections import FROM_TOPICS
from benchmarks.services.subscribers import REACTIONS
from benchmarks.workload import LogWork
from events.runtime import telemetry
from events.runtime.codec import Codec
from events.runtime.consumer import Consumer
from events.runtime.database import create_pool
from events.runtime.effects import Effects, Reactor, TopicProjector
from events.runtime.encryption import FileKeyWrapper, Keyring
from events.runtime.private_events import EventTypes
from events.runtime.subscription import Subscription


def projected_per_second(work: LogWork) -> float:
    """Event → table."""
    return asyncio.run(_rate(work, lambda _: TopicProjector(FROM_TOPICS[0])))


def reacted_per_second(work: LogWork) -> float:
    """Event → command → append."""
    return asyncio.run(_rate(work, lambda codec: Reactor(codec, REACTIONS, lambda: None)))


async def _rate(work: LogWork, effects: Callable[[Codec], Effects]) -> float:
    telemetry.set_up("benchmarks", None)
    pool = create_pool(work.database_url, name="benchmarks", size=6)
    await create_tables(pool)
    codec = Codec(EventTypes(BILLING_EVENTS), Keyring(pool, FileKeyWrapper(bytes(32))))
    consumer = Consumer("benchmarks", f"benchmarks.{uuid4()}", pool, effects(codec))
    running = asyncio.create_task(Subscription(work.kafka, [consumer], "benchmarks").run())
    await taken_in(pool, work.messages)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    measured = await rate(pool)
    await pool.dispose()
    return measured
