import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import OutOfOrderSequenceNumber
from aiokafka.producer.sender import Sender as AiokafkaSender
from aiokafka.producer.sender import SendProduceReqHandler
from confluent_kafka import Producer
from sqlalchemy import text

from events.contracts.envelope import decode
from events.contracts.sessions import AgreementSigned, SessionLogged
from events.runtime import cursors, sending, store
from events.runtime.hints import Hints
from events.runtime.leadership import Contender
from events.runtime.relay import Relay
from events.runtime.sending import MessageTooLarge, Sender
from events.runtime.shards import shards
from events.runtime.store import BEGINNING, Shard
from events.testing.counters import Database, Increased, increase
from events.testing.eventually import eventually

PUBLICATIONS = {
    Increased: (
        lambda recorded: AgreementSigned(pair=recorded.stream_id, program=UUID(int=1)),
        lambda recorded: (
            SessionLogged(pair=recorded.stream_id, program=UUID(int=1), number=recorded.version, minutes=1)
            if recorded.event.by > 1
            else None
        ),
    )
}


@pytest.fixture
def kafka() -> Iterator[str]:
    """A broker of its own, in memory, that speaks Kafka's protocol."""
    keeper = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(keeper.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del keeper


def relay(database: Database, kafka: str, *, source: str = "/test", kind: type[Sender] = Sender, **more) -> Relay:
    sender = kind(
        bootstrap_servers=kafka,
        codec=database.codec,
        publications=PUBLICATIONS,
        source=source,
        schema_base="http://test/v1/schemas",
    )
    return Relay(database.url, sender, Hints(None, "").reader(), **{"poll": 0.05, **more})


@asynccontextmanager
async def relaying(*relays: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in relays]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def end_session_of(database: Database, leadership: str) -> None:
    """What the server does when the one who leads falls silent."""
    ended = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = :name"
    async with database.pool.connect() as conn:
        assert (await conn.scalars(text(ended), {"name": leadership})).all()


async def nothing_is_before(database: Database, *names: str) -> None:
    """Each of these cursors stands at the end of the log."""
    async with database.pool.connect() as conn:
        standing, end = await cursors.beginning_with(conn, "relay"), await store.newest(conn)
    assert [standing.get(name) for name in names] == [end] * len(names)


@asynccontextmanager
async def subscribed(kafka: str) -> AsyncIterator[list["ConsumerRecord[bytes, bytes]"]]:
    records: list[ConsumerRecord[bytes, bytes]] = []
    consumer = AIOKafkaConsumer(AgreementSigned.topic(), bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()

    async def read() -> None:
        while True:
            records.append(await consumer.getone())

    reading = asyncio.create_task(read())
    try:
        yield records
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await consumer.stop()


def first_occurrences(records) -> dict[UUID, list[int]]:
    """Versions of each stream's events of one type, in the order in which each id came first."""
    seen: set[UUID] = set()
    versions: dict[UUID, list[int]] = defaultdict(list)
    for record in records:
        envelope, _ = decode(record.headers)
        if envelope.type == AgreementSigned.type and envelope.id not in seen:
            seen.add(envelope.id)
            versions[envelope.subject].append(envelope.sequence)
    return versions


async def test_every_event_arrives_in_the_order_of_its_stream(database: Database, kafka: str):
    counters = [uuid4() for _ in range(7)]
    async with subscribed(kafka) as records, relaying(relay(database, kafka, page=13)):
        await database.commands.execute_all([increase(counters[i % 7]) for i in range(140)])
        await eventually(lambda: len(records) >= 140)
    assert first_occurrences(records) == {counter: list(range(1, 21)) for counter in counters}
    assert {record.key.decode() for record in records} == {str(counter) for counter in counters}


async def test_one_private_event_may_become_several_events_and_some_become_none(database: Database, kafka: str):
    counter = uuid4()
    async with subscribed(kafka) as records, relaying(relay(database, kafka)):
        await database.commands.execute_all([increase(counter), increase(counter, by=2)])
        await eventually(lambda: len(records) >= 3)
    types = [decode(record.headers)[0].type for record in records]
    assert types == [AgreementSigned.type, AgreementSigned.type, SessionLogged.type]


async def test_a_relay_that_dies_between_sending_and_its_cursor_repeats_and_loses_nothing(
    database: Database, kafka: str, monkeypatch: pytest.MonkeyPatch
):
    counter = uuid4()
    await database.commands.execute_all([increase(counter) for _ in range(30)])
    died = asyncio.Event()
    move = cursors.move

    async def die(*_) -> bool:
        died.set()
        raise asyncio.CancelledError

    async with subscribed(kafka) as records:
        monkeypatch.setattr(cursors, "move", die)
        async with relaying(relay(database, kafka)):
            await died.wait()
        monkeypatch.setattr(cursors, "move", move)
        async with relaying(relay(database, kafka)):
            await database.commands.execute(increase(counter))
            await eventually(lambda: first_occurrences(records)[counter] == list(range(1, 32)))
    ids = [decode(record.headers)[0].id for record in records]
    assert len(ids) > len(set(ids)) == 31


async def test_a_publication_that_no_message_can_carry_is_never_skipped(
    database: Database, kafka: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("events.runtime.sending._LARGEST_VALUE", 50)
    await database.commands.execute(increase(uuid4()))
    stuck = relay(database, kafka)
    async with asyncio.timeout(20):
        with pytest.raises(MessageTooLarge, match=AgreementSigned.type):
            await stuck.run()
    async with database.pool.connect() as conn:
        assert await cursors.read(conn, stuck.cursor) == BEGINNING


async def test_two_relays_at_once_make_duplicates_and_no_disorder(database: Database, kafka: str):
    counters = [uuid4() for _ in range(5)]
    # Under another source each holds a lock of its own, as after a partition that hid the leader's death.
    both = [relay(database, kafka, page=9), relay(database, kafka, page=5, source="/twin")]
    async with subscribed(kafka) as records, relaying(*both):
        for _ in range(10):
            await database.commands.execute_all([increase(counter) for counter in counters])
        await eventually(lambda: sum(map(len, first_occurrences(records).values())) == 50)
    assert first_occurrences(records) == {counter: list(range(1, 11)) for counter in counters}


async def test_a_page_that_a_frozen_leader_sends_after_it_was_replaced_comes_again_and_overtakes_nothing(
    database: Database, kafka: str
):
    counter = uuid4()
    await database.commands.execute_all([increase(counter) for _ in range(8)])
    frozen, thawed, sent = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Frozen(Sender):
        async def send(self, entries) -> None:
            if frozen.is_set():
                return await Sender.send(self, entries)

            async def once_thawed() -> None:
                await thawed.wait()
                await Sender.send(self, entries)
                sent.set()

            self.late = asyncio.create_task(once_thawed())
            frozen.set()
            return await asyncio.Event().wait()

    async with subscribed(kafka) as records, relaying(relay(database, kafka, page=5, kind=Frozen)):
        await eventually(frozen.is_set)
        await end_session_of(database, "/test relay")
        async with relaying(relay(database, kafka, page=5)):
            await eventually(lambda: first_occurrences(records)[counter] == list(range(1, 9)))
            thawed.set()
            await eventually(sent.is_set)
            await database.commands.execute(increase(counter))
            await eventually(lambda: first_occurrences(records)[counter] == list(range(1, 10)))
            await eventually(lambda: len(records) > 9)
        await eventually(lambda: nothing_is_before(database, "relay"))


async def test_numbers_of_shards_that_change_under_load_lose_nothing_and_disorder_no_key(
    database: Database, kafka: str
):
    counters = [uuid4() for _ in range(12)]

    async def load() -> None:
        for _ in range(10):
            await database.commands.execute_all([increase(counter) for counter in counters])

    def divided(*numbers: int) -> list[Relay]:
        contender = Contender()
        return [
            relay(database, kafka, page=7, shard=shard, contender=contender)
            for number in numbers
            for shard in shards(number)
        ]

    async with subscribed(kafka) as records:

        def arrived() -> int:
            return sum(map(len, first_occurrences(records).values()))

        loads = []
        # One and four run at once for a while, as when a service is rolled out.
        for i, numbers in enumerate([(1,), (1, 4), (4,), (2,)]):
            async with relaying(*divided(*numbers)):
                loads.append(asyncio.create_task(load()))
                await eventually(lambda i=i: arrived() >= 120 * i + 60)
        await asyncio.gather(*loads)
        async with relaying(*divided(2)):
            await eventually(lambda: arrived() == 480)
            await eventually(lambda: nothing_is_before(database, "relay 1 of 2", "relay 2 of 2"))
    assert first_occurrences(records) == {counter: list(range(1, 41)) for counter in counters}


async def test_a_shard_whose_streams_are_quiet_passes_over_what_others_publish(database: Database, kafka: str):
    counter = UUID(int=4)
    await database.commands.execute_all([increase(counter) for _ in range(3)])
    quiet = relay(database, kafka, shard=Shard(1, 2))
    async with relaying(quiet):
        await eventually(lambda: nothing_is_before(database, quiet.cursor))


async def test_a_producer_that_failed_for_good_is_replaced(
    database: Database, kafka: str, monkeypatch: pytest.MonkeyPatch
):
    counter = uuid4()
    failed = asyncio.Event()

    async def lost_track(*_) -> None:
        failed.set()
        raise OutOfOrderSequenceNumber

    async with subscribed(kafka) as records, relaying(relay(database, kafka)):
        await database.commands.execute(increase(counter))
        await eventually(lambda: len(records) == 1)
        with monkeypatch.context() as broker:
            # aiokafka #1017: the producer's task ends, and every batch that it is given from then on fails.
            broker.setattr(AiokafkaSender, "_send_produce_req", lost_track)
            await database.commands.execute(increase(counter))
            await eventually(failed.is_set)
        await eventually(lambda: first_occurrences(records)[counter] == [1, 2])


async def test_a_producer_that_sends_again_for_ever_is_replaced_and_ends(
    database: Database, kafka: str, monkeypatch: pytest.MonkeyPatch
):
    counter = uuid4()
    produce = SendProduceReqHandler.do

    async def away(handler, _) -> None:
        await produce(handler, 4711)  # no node of that number answers

    monkeypatch.setattr(sending, "_PAGE_MAY_TAKE", 0.5)
    monkeypatch.setattr(sending, "_TO_STOP", 0.2)
    sends_on = relay(database, kafka)
    async with subscribed(kafka) as records, relaying(sends_on):
        await eventually(lambda: sends_on.sender._producer is not None)
        first = sends_on.sender._producer
        with monkeypatch.context() as broker:
            broker.setattr(SendProduceReqHandler, "do", away)
            await database.commands.execute(increase(counter))
            await eventually(lambda: sends_on.sender._producer not in (first, None))
        await eventually(lambda: first_occurrences(records)[counter] == [1])
        assert first._sender.sender_task.done()


async def test_a_relay_of_another_name_publishes_the_same_again_from_the_beginning(database: Database, kafka: str):
    counter = uuid4()
    await database.commands.execute_all([increase(counter) for _ in range(5)])
    async with subscribed(kafka) as records:
        async with relaying(relay(database, kafka, name="relay one")):
            await eventually(lambda: len(records) >= 5)
        async with relaying(relay(database, kafka, name="relay two")):
            await eventually(lambda: len(records) >= 10)

    def told(some):
        return [(record.key, record.value, [h for h in record.headers if h[0] != "traceparent"]) for record in some]

    assert told(records[:5]) == told(records[5:])


async def test_a_second_relay_stands_by_until_the_first_is_gone(database: Database, kafka: str):
    counter = uuid4()
    async with subscribed(kafka) as records:
        async with relaying(relay(database, kafka)):
            await database.commands.execute(increase(counter))
            await eventually(lambda: len(records) >= 1)
            standby = asyncio.create_task(relay(database, kafka).run())
            await database.commands.execute(increase(counter))
            await eventually(lambda: len(records) >= 2)
        await database.commands.execute(increase(counter))
        await eventually(lambda: first_occurrences(records)[counter] == [1, 2, 3])
        standby.cancel()
        await asyncio.gather(standby, return_exceptions=True)
    assert len(records) == 3
