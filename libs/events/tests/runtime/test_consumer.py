import asyncio
from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from aiokafka import TopicPartition
from sqlalchemy import text

from events.contracts.sessions import AgreementSigned, SessionLogged
from events.runtime import messages, store
from events.runtime.consumer import Consumer
from events.runtime.effects import Reactor, TopicProjector, _overtaken
from events.runtime.projecting import TopicProjection
from events.runtime.streams import Command
from events.testing.counters import COUNTER, NOW, Database, Increased, increase
from events.testing.records import TOPIC, Partitions, Topic, deliver


def signed(counter: UUID) -> AgreementSigned:
    return AgreementSigned(pair=counter, program=uuid4())


def logged(counter: UUID) -> SessionLogged:
    return SessionLogged(pair=counter, program=uuid4(), number=1, minutes=45)


def reactor(database: Database, **reactions) -> Consumer:
    found = {AgreementSigned: lambda received: increase(received.event.pair)} | {
        {"AgreementSigned": AgreementSigned, "SessionLogged": SessionLogged}[name]: reaction
        for name, reaction in reactions.items()
    }
    effects = Reactor(database.codec, found, lambda: None)
    return Consumer("reactor", "test.reactor", database.pool, effects)


async def test_a_batch_has_the_effect_of_its_messages_one_by_one(database: Database):
    topic, counter = Topic(), uuid4()
    await deliver(reactor(database), [topic.record(signed(counter), key=counter) for _ in range(50)])
    assert (await database.counter(counter)).value == 50


async def test_duplicates_within_a_batch_and_over_batches_have_one_effect(database: Database):
    topic, counter, event_id = Topic(), uuid4(), uuid4()
    records = [topic.record(signed(counter), event_id=event_id) for _ in range(3)]
    consumer = reactor(database)
    await deliver(consumer, records)
    await deliver(consumer, records)
    assert (await database.counter(counter)).value == 1


async def test_a_topic_that_is_replayed_from_its_beginning_changes_nothing(database: Database):
    topic, counters = Topic(), [uuid4() for _ in range(10)]
    records = [topic.record(signed(counter), key=counter, partition=i % 4) for i, counter in enumerate(counters * 5)]
    await deliver(reactor(database), records)
    await deliver(reactor(database), records)
    assert [(await database.counter(counter)).value for counter in counters] == [5] * 10


async def test_a_zombie_and_its_successor_with_the_same_batch_have_one_effect(database: Database):
    topic, counters = Topic(), [uuid4() for _ in range(20)]
    records = [topic.record(signed(counter), key=counter) for counter in counters * 3]
    await asyncio.gather(*(deliver(reactor(database), records) for _ in range(4)))
    assert [(await database.counter(counter)).value for counter in counters] == [3] * 20


async def test_reactions_race_with_callers_and_lose_nothing(database: Database):
    topic, counter = Topic(), uuid4()
    consumer = reactor(database)
    calls = [database.commands.execute(increase(counter)) for _ in range(40)]
    batches = [deliver(consumer, [topic.record(signed(counter), key=counter)]) for _ in range(20)]
    await asyncio.gather(*calls, *batches)
    assert (await database.counter(counter)).value == 60


async def test_a_message_waits_for_its_cause_and_its_key_waits_behind_it(database: Database):
    topic, counter, key = Topic(), uuid4(), uuid4()
    seen: list[int] = []

    def when_begun(received) -> Command:
        stream = COUNTER.stream(received.event.pair)

        def decide(_):
            seen.append(received.event.number)
            return [(stream, Increased(by=received.event.number))]

        return Command((stream,), decide, NOW, requires=(stream,))

    consumer = reactor(database, SessionLogged=when_begun)
    first = topic.record(logged(counter), key=key)
    second = topic.record(replace_number(logged(counter), 10), key=key)
    other = uuid4()
    await deliver(consumer, [first, second, topic.record(signed(other), key=other)])
    await deliver(consumer, [topic.record(replace_number(logged(counter), 100), key=key)])
    await consumer.release()
    assert (await database.counter(counter)).value == 0
    assert (await database.counter(other)).value == 1

    await database.commands.execute(increase(counter, by=1000))
    await consumer.release()
    assert (await database.counter(counter)).value == 1111
    assert list(dict.fromkeys(seen)) == [1, 10, 100]

    await deliver(consumer, [first, second])
    await consumer.release()
    assert (await database.counter(counter)).value == 1111


def when_begun(received) -> Command:
    stream = COUNTER.stream(received.event.pair)
    return Command((stream,), lambda _: [(stream, Increased(by=1))], NOW, requires=(stream,))


def replace_number(event: SessionLogged, number: int) -> SessionLogged:
    return event.model_copy(update={"number": number})


async def test_a_redelivery_of_a_message_that_waits_does_not_wait_twice(database: Database):
    topic, counter = Topic(), uuid4()
    consumer = reactor(database, SessionLogged=when_begun)
    record = topic.record(logged(counter))
    await deliver(consumer, [record, record])
    await deliver(consumer, [record])
    await database.commands.execute(increase(counter))
    await consumer.release()
    assert (await database.counter(counter)).value == 2


async def test_a_message_that_misses_two_causes_waits_for_one_after_the_other(database: Database):
    topic, first, second, heard = Topic(), uuid4(), uuid4(), uuid4()

    def when_both_begun(received) -> Command:
        stream, *causes = (COUNTER.stream(counter) for counter in (heard, first, second))
        return Command(
            (stream, *causes), lambda _: [(stream, Increased(by=received.event.number))], NOW, requires=tuple(causes)
        )

    consumer, key = reactor(database, SessionLogged=when_both_begun), uuid4()
    await deliver(consumer, [topic.record(replace_number(logged(heard), number), key=key) for number in (1, 10)])
    for cause in (first, second):
        await database.commands.execute(increase(cause))
        for _ in range(2):
            await deliver(consumer, [topic.record(signed(uuid4()))])  # others can be applied meanwhile
            await consumer.release()
    assert (await database.counter(heard)).value == 11


class Zombie(Reactor):
    """Freezes when it has looked what is known, and goes on when its partitions are another's."""

    def __init__(self, database: Database, meanwhile) -> None:
        super().__init__(database.codec, {SessionLogged: when_begun}, lambda: None)
        self._meanwhile = [meanwhile]

    async def apply(self, conn, messages, traceparents):
        if self._meanwhile:
            await self._meanwhile.pop()()
        return await super().apply(conn, messages, traceparents)


async def test_what_a_successor_let_wait_a_zombie_does_not_apply_too(database: Database):
    topic, counter = Topic(), uuid4()
    successor = reactor(database, SessionLogged=when_begun)
    records = [topic.record(logged(counter), key=counter) for _ in range(2)]

    async def meanwhile() -> None:
        await deliver(successor, records)
        await database.commands.execute(increase(counter))

    zombie = Consumer("reactor", "test.reactor", database.pool, Zombie(database, meanwhile))
    await deliver(zombie, records[:1])
    assert (await database.counter(counter)).value == 1
    await successor.release()
    await deliver(successor, [topic.record(logged(counter), key=counter)])
    assert (await database.counter(counter)).value == 4


async def test_what_was_applied_and_waits_all_the_same_is_let_go_of_and_holds_nothing_back(database: Database):
    """Two transactions that cannot see each other may both settle a message."""
    topic, counter = Topic(), uuid4()
    consumer = reactor(database, SessionLogged=when_begun)
    await deliver(consumer, [topic.record(logged(counter), key=counter) for _ in range(3)])
    async with database.pool.begin() as conn:
        await conn.execute(
            text(
                "insert into inbox (consumer, event_id, headers, payload)"
                " select consumer, event_id, headers, payload from waiting order by position limit 1"
            )
        )
    await database.commands.execute(increase(counter))
    for _ in range(2):
        await consumer.release()
    assert (await database.counter(counter)).value == 3


async def test_a_partition_that_moves_to_another_member_is_no_longer_this_ones_to_report(database: Database):
    def failing(received) -> Command:
        raise ConnectionError

    topic, consumer = Topic(), reactor(database, SessionLogged=failing)
    for partition in (0, 1):
        await deliver(consumer, [topic.record(logged(uuid4()), partition=partition)])
    consumer.revoked([TopicPartition(TOPIC, 0)])
    assert list(consumer.stopped) == [TopicPartition(TOPIC, 1)]
    consumer.revoked([TopicPartition(TOPIC, number) for number in range(4)])
    assert consumer.stopped == {}


async def test_a_partition_that_became_anothers_while_its_batch_failed_is_not_stopped(database: Database):
    def failing(received) -> Command:
        raise ConnectionError

    class NoneLeft(Partitions):
        def assignment(self) -> set[TopicPartition]:
            return set()

    topic, consumer, partitions = Topic(), reactor(database, SessionLogged=failing), NoneLeft()
    await consumer.handle([topic.record(logged(uuid4()))], partitions)
    assert (consumer.stopped, partitions.sought, partitions.paused) == ({}, [], set())


async def test_only_keys_that_wait_hold_back_what_comes_behind_them(database: Database):
    topic, cause, other = Topic(), uuid4(), uuid4()
    waiting = reactor(database, SessionLogged=when_begun)
    await deliver(waiting, [topic.record(logged(cause), key=cause)])
    await deliver(waiting, [topic.record(signed(other), key=key) for key in (cause, other)])
    assert (await database.counter(other)).value == 1


async def test_an_event_of_a_type_that_nobody_here_knows_is_passed_over(database: Database):
    topic, counter = Topic(), uuid4()
    records = [topic.record(b"{}", ce_type="viceversa.InventedLater.v1"), topic.record(signed(counter))]
    partitions = await deliver(reactor(database), records)
    assert (await database.counter(counter)).value == 1
    assert partitions.sought == []


async def test_another_version_of_a_handled_event_is_passed_over_and_counted(database: Database, monkeypatch):
    counted = []
    monkeypatch.setattr(messages.other_versions, "add", lambda number, labels: counted.append((number, labels)))
    topic, counter = Topic(), uuid4()
    other = [topic.record(b"{}", ce_type=name) for name in ("viceversa.AgreementSigned.v9", "viceversa.Later.v1")]
    consumer = reactor(database)
    await deliver(consumer, [*other, topic.record(signed(counter))])
    assert (await database.counter(counter)).value == 1
    assert counted == [(1, {"cloudevents.event_type": "viceversa.AgreementSigned"})]
    async with database.pool.connect() as conn:
        assert await consumer.dead(conn, None, 10) == []


@pytest.mark.parametrize("header", [("x-proxy", b"\xff\xfe"), ("x-nothing", None), ("traceparent", b"odd")])
async def test_headers_of_others_are_nobodys_business(database: Database, header: tuple[str, bytes | None]):
    counter = uuid4()
    record = Topic().record(signed(counter))
    consumer = reactor(database)
    await deliver(consumer, [replace(record, headers=(*record.headers, header))])
    assert (await database.counter(counter)).value == 1
    assert consumer.stopped == {}


@pytest.mark.parametrize(
    ("keys", "lost", "overtaken"),
    [("ab", {0}, False), ("aa", {0}, True), ("aa", {0, 1}, False), ("aba", {0}, True), ("aba", {2}, False)],
)
def test_no_message_is_done_before_an_earlier_one_of_its_key_that_lost_a_race(
    keys: str, lost: set[int], *, overtaken: bool
):
    ids = {"a": UUID(int=1), "b": UUID(int=2)}
    messages = [SimpleNamespace(key=ids[key]) for key in keys]
    assert _overtaken(messages, lost) is overtaken


async def test_a_projection_and_its_inbox_row_commit_together(database: Database):
    async with database.pool.begin() as conn:
        await conn.execute(text("create table tally(counter uuid primary key, seen int not null)"))
    upsert = text(
        "insert into tally select * from unnest(cast(:counters as uuid[]), cast(:seen as int[]))"
        " on conflict (counter) do update set seen = tally.seen + excluded.seen"
    )
    failing = [True]

    async def apply(conn, received) -> None:
        counted: dict[UUID, int] = {}
        for message in received:
            counted[message.event.pair] = counted.get(message.event.pair, 0) + 1
        await conn.execute(upsert, {"counters": list(counted), "seen": list(counted.values())})
        if failing.pop() if failing else False:
            raise ConnectionResetError

    projector = TopicProjector(TopicProjection("tally", (AgreementSigned,), apply, ()))
    consumer = Consumer("tally", "test.tally", database.pool, projector)
    topic, counter = Topic(), uuid4()
    records = [topic.record(signed(counter)) for _ in range(5)]
    await deliver(consumer, records)
    await deliver(consumer, records)
    async with database.pool.connect() as conn:
        assert (await conn.execute(text("select seen from tally"))).scalars().all() == [5]


async def test_what_a_reaction_appends_goes_on_in_the_trace_of_its_message(database: Database):
    counter, sender = uuid4(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    told = Topic().record(signed(counter))
    await deliver(reactor(database), [replace(told, headers=(*told.headers, ("traceparent", sender.encode())))])
    async with database.pool.connect() as conn:
        (appended,) = await database.codec.recorded(await store.load(conn, [counter]))
    # No span is made without a provider, so the context is the sender's own.
    assert appended.traceparent == sender
