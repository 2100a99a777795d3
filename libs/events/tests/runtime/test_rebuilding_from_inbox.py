"""Tables over other services' events, made again from the inbox while batches come in: each batch counts once."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from events.contracts.sessions import AgreementSigned
from events.runtime.consumer import Consumer
from events.runtime.effects import TopicProjector
from events.runtime.inbox import Inbox
from events.runtime.messages import decode
from events.runtime.rebuilding import compare, opened, rebuild
from events.testing import eventually
from events.testing.counters import Database
from events.testing.records import Topic, deliver
from events.testing.tallies import AGREEMENTS, metadata

_WAITING_FOR_A_LOCK = text("select count(*) from pg_locks where not granted and relation is not null")


@pytest.fixture(autouse=True)
async def tables(database: Database) -> None:
    async with database.pool.begin() as conn:
        await conn.run_sync(metadata.create_all)


def consumer(database: Database, apply=AGREEMENTS.apply) -> Consumer:
    return Consumer("agreements", "test.agreements", database.pool, TopicProjector(replace(AGREEMENTS, apply=apply)))


def batch(topic: Topic, pairs: list[UUID]):
    return [topic.record(AgreementSigned(pair=pair, program=uuid4()), key=pair) for pair in pairs]


async def shown(database: Database) -> dict[UUID, int]:
    async with database.pool.connect() as conn:
        return {row.pair: row.seen for row in await conn.execute(text("select * from agreements"))}


async def damage(database: Database) -> None:
    async with database.pool.begin() as conn:
        await conn.execute(text("update agreements set seen = seen + 1"))
        await conn.execute(text("insert into agreements values (gen_random_uuid(), 1)"))


async def somebody_waits(database: Database) -> None:
    async with database.pool.connect() as conn:
        assert await conn.scalar(_WAITING_FOR_A_LOCK)


async def test_wrong_rows_are_right_again(database: Database):
    topic, pairs = Topic(), [uuid4() for _ in range(9)]
    for _ in range(3):
        await deliver(consumer(database), batch(topic, pairs))
    await damage(database)
    assert not (await compare(database.url, AGREEMENTS, database.codec)).equal
    async with opened(database.url, AGREEMENTS, database.codec, page=4) as one:
        await one.replace()
    assert await shown(database) == dict.fromkeys(pairs, 3)
    found = await compare(database.url, AGREEMENTS, database.codec)
    assert (found.equal, found.entries) == (True, 27)


async def test_what_is_dead_or_waits_behind_it_is_in_neither(database: Database):
    topic, pairs, dead = Topic(), [uuid4() for _ in range(3)], uuid4()
    await deliver(consumer(database), batch(topic, pairs))
    await deliver(consumer(database), [topic.record(b"garbage", key=dead), *batch(topic, [dead, *pairs])])
    async with database.pool.connect() as conn:
        assert await conn.scalar(text("select count(*) from dead_letters")) == 1
        assert await conn.scalar(text("select count(*) from waiting")) == 1
    assert (await compare(database.url, AGREEMENTS, database.codec)).equal
    await rebuild(database.url, AGREEMENTS, database.codec)
    assert await shown(database) == dict.fromkeys(pairs, 2)

    [record] = batch(topic, [dead])
    await deliver(consumer(database), [record])
    async with database.pool.connect() as conn:
        letter = await conn.scalar(text("select event_id from dead_letters"))
    await consumer(database).discard(letter, uuid4())
    await consumer(database).release()
    assert await shown(database) == dict.fromkeys(pairs, 2) | {dead: 2}
    assert (await compare(database.url, AGREEMENTS, database.codec)).equal


async def test_while_members_of_the_group_go_on_no_batch_is_lost_or_counted_twice(database: Database):
    pairs = [[uuid4() for _ in range(5)] for _ in range(3)]
    delivered, stopped = [0, 0, 0], asyncio.Event()

    async def consume(member: int) -> None:
        one, topic = consumer(database), Topic()
        while not stopped.is_set():
            records = batch(topic, pairs[member])
            await deliver(one, records)
            await deliver(one, records)
            delivered[member] += 1

    async with asyncio.TaskGroup() as group:
        for member in range(3):
            group.create_task(consume(member))
        for _ in range(2):
            before = list(delivered)
            await rebuild(database.url, AGREEMENTS, database.codec)
            assert (await compare(database.url, AGREEMENTS, database.codec)).equal
            await eventually(lambda before=before: all(map(int.__gt__, delivered, before)))
        stopped.set()
    assert await shown(database) == {pair: delivered[i] for i, mine in enumerate(pairs) for pair in mine}
    assert (await compare(database.url, AGREEMENTS, database.codec)).equal


async def test_a_batch_in_flight_is_wholly_in_the_new_table(database: Database):
    topic, pairs, held = Topic(), [uuid4() for _ in range(4)], asyncio.Event()
    await deliver(consumer(database), batch(topic, pairs))
    await damage(database)
    changed = asyncio.Event()

    async def hold(conn, received) -> None:
        await AGREEMENTS.apply(conn, received)
        changed.set()
        await held.wait()

    in_flight = asyncio.create_task(deliver(consumer(database, hold), batch(topic, pairs[:2])))
    await changed.wait()
    switching = asyncio.create_task(rebuild(database.url, AGREEMENTS, database.codec))
    await eventually(lambda: somebody_waits(database), every=0.01)
    held.set()
    await asyncio.gather(in_flight, switching)
    assert await shown(database) == dict.fromkeys(pairs[:2], 2) | dict.fromkeys(pairs[2:], 1)


async def test_a_batch_that_comes_during_the_switch_is_wholly_in_the_new_table(database: Database):
    topic, pairs = Topic(), [uuid4() for _ in range(4)]
    await deliver(consumer(database), batch(topic, pairs))
    await damage(database)
    arriving: list[asyncio.Task] = []

    async def let_a_batch_arrive(conn) -> None:
        arriving.append(asyncio.create_task(deliver(consumer(database), batch(topic, pairs[:2]))))
        await eventually(lambda: somebody_waits(database), every=0.01)

    async with opened(database.url, AGREEMENTS, database.codec) as one:
        await one.replace(let_a_batch_arrive)
    await asyncio.gather(*arriving)
    assert await shown(database) == dict.fromkeys(pairs[:2], 2) | dict.fromkeys(pairs[2:], 1)
    assert (await compare(database.url, AGREEMENTS, database.codec)).equal


async def test_an_open_transaction_elsewhere_hides_no_batch_that_came_after_it(database: Database):
    topic, pairs = Topic(), [uuid4() for _ in range(4)]
    await deliver(consumer(database), batch(topic, pairs))
    async with database.pool.connect() as elsewhere:
        await elsewhere.execute(text("select pg_current_xact_id()"))
        await deliver(consumer(database), batch(topic, pairs[:2]))
        found = await compare(database.url, AGREEMENTS, database.codec)
        assert (found.equal, found.entries) == (True, 6)
        await rebuild(database.url, AGREEMENTS, database.codec)
        assert await shown(database) == dict.fromkeys(pairs[:2], 2) | dict.fromkeys(pairs[2:], 1)


@pytest.mark.parametrize("purpose", ["replace", "compare"])
async def test_more_than_a_page_beyond_an_open_transaction_waits_for_its_end(database: Database, purpose: str):
    topic, pairs = Topic(), [uuid4() for _ in range(9)]
    unseen = uuid4()

    async def run() -> None:
        async with opened(database.url, AGREEMENTS, database.codec, page=4) as one:
            found = await getattr(one, purpose)()
        assert found is None or (found.equal, found.entries) == (True, 10)

    async with database.pool.connect() as earlier:
        # A batch that took its place in the log before the others, and comes in after them.
        await earlier.execute(text("select pg_current_xact_id()"))
        await deliver(consumer(database), batch(topic, pairs))
        running = asyncio.create_task(run())

        async def has_looked() -> None:
            async with database.pool.connect() as conn:
                assert await conn.scalar(text("select count(*) from pg_namespace where nspname = 'rebuild_agreements'"))

        await eventually(has_looked)
        await deliver_in(earlier, batch(topic, [unseen]))
        await earlier.commit()
    await running
    assert await shown(database) == dict.fromkeys([*pairs, unseen], 1)
    assert (await compare(database.url, AGREEMENTS, database.codec)).equal


async def deliver_in(conn, records) -> None:
    """What a batch does, in a transaction that began before."""
    [message] = [decode(record.headers, record.value, frozenset({AgreementSigned})) for record in records]
    await AGREEMENTS.apply(conn, [message.received])
    await Inbox("agreements").take_in(conn, [message])
