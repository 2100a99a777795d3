"""What waits stays in the database: a consumer that releases five times as much has no more of it in memory."""

import gc
import tracemalloc
from uuid import uuid4

from sqlalchemy import text

from events.contracts.sessions import AgreementSigned
from events.runtime.consumer import Consumer
from events.runtime.effects import Reactor
from events.testing.counters import Database, increase
from events.testing.records import Topic, deliver


async def fill(database: Database, number: int) -> None:
    """Let so many wait, under keys of their own and with nothing to wait for, made of the one that was taken in."""
    more = text("""
        insert into waiting (consumer, event_id, key, headers, payload)
        select consumer, id, key,
               headers || jsonb_build_object('ce_id', id::text, 'ce_subject', key::text),
               payload || jsonb_build_object('pair', key::text)
        from (select gen_random_uuid() as id, gen_random_uuid() as key from generate_series(1, :number)) as many,
             (select consumer, headers, payload from inbox order by sequence limit 1) as one
    """)
    async with database.pool.begin() as conn:
        await conn.execute(more, {"number": number})


async def most_memory_while_releasing(database: Database, consumer: Consumer, number: int) -> int:
    """Bytes beyond what there was before, at the highest."""
    await fill(database, number)
    consumer._waiting.look_soon(None)
    gc.collect()
    tracemalloc.start()
    try:
        while await something_waits(database):
            await consumer.release()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def something_waits(database: Database) -> bool:
    async with database.pool.connect() as conn:
        return await conn.scalar(text("select exists (select from waiting)"))


async def test_a_consumer_needs_no_more_memory_when_five_times_as_much_waits(database: Database):
    reactions = {AgreementSigned: lambda received: increase(received.event.pair)}
    consumer = Consumer("reactor", "test.reactor", database.pool, Reactor(database.codec, reactions, lambda: None))
    await deliver(consumer, [Topic().record(AgreementSigned(pair=uuid4(), program=uuid4()))])
    await most_memory_while_releasing(database, consumer, 500)
    few = await most_memory_while_releasing(database, consumer, 1_000)
    many = await most_memory_while_releasing(database, consumer, 5_000)
    assert many < 2 * few
