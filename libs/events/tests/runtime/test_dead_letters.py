"""What cannot be applied is kept, with why; its key waits behind it, its partition goes on, and nothing is lost."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from aiokafka import TopicPartition
from sqlalchemy import text
from structlog.testing import capture_logs

from events.contracts.sessions import AgreementSigned, SessionLogged
from events.runtime.consumer import Consumer
from events.runtime.dead_letters import DeadLetter, NoSuchDeadLetter, StillDead
from events.runtime.effects import Reactor
from events.runtime.streams import Command
from events.testing.counters import COUNTER, NOW, Database, Increased, TooMuch, increase
from events.testing.eventually import eventually
from events.testing.records import TOPIC, Topic, deliver

OPERATOR = UUID(int=7)


def signed(counter: UUID) -> AgreementSigned:
    return AgreementSigned(pair=counter, program=uuid4())


def logged(counter: UUID, number: int = 1) -> SessionLogged:
    return SessionLogged(pair=counter, program=uuid4(), number=number, minutes=45)


class Poison:
    """A reaction that refuses until it is cured."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error: Exception | None = error or TooMuch()

    def __call__(self, received) -> Command:
        stream = COUNTER.stream(received.event.pair)

        def decide(_):
            if self.error is not None:
                raise self.error
            return [(stream, Increased(by=1))]

        return Command((stream,), decide, NOW)


def consumer_of(database: Database, poison: Callable[..., Command], **more) -> Consumer:
    reactions = {AgreementSigned: lambda received: increase(received.event.pair), SessionLogged: poison}
    return Consumer("reactor", "test.reactor", database.pool, Reactor(database.codec, reactions, lambda: None), **more)


async def dead(database: Database, consumer: Consumer) -> list[DeadLetter]:
    async with database.pool.connect() as conn:
        return await consumer.dead(conn, None, 100)


async def value(database: Database, counter: UUID) -> int:
    return (await database.counter(counter)).value


async def test_a_message_that_fails_while_others_pass_is_a_dead_letter_and_its_partition_goes_on(database: Database):
    topic, counter, other = Topic(), uuid4(), uuid4()
    consumer = consumer_of(database, Poison())
    poison = topic.record(logged(counter), key=counter)
    partitions = await deliver(consumer, [poison, *(topic.record(signed(other), key=other) for _ in range(10))])
    assert await value(database, other) == 10
    assert (consumer.stopped, partitions.sought) == ({}, [])
    (letter,) = await dead(database, consumer)
    assert (letter.key, letter.type, letter.topic, letter.offset) == (counter, SessionLogged.type, TOPIC, 0)
    assert (letter.value, letter.headers) == (poison.value, poison.headers)
    assert letter.reason == "TooMuch: The counter may not go that high"


async def test_the_key_of_a_dead_letter_waits_behind_it_in_order_and_is_released_by_a_retry(database: Database):
    topic, counter, other, cure = Topic(), uuid4(), uuid4(), Poison()
    seen: list[int] = []

    def noting(received) -> Command:
        stream = COUNTER.stream(received.event.pair)

        def decide(streams):
            if received.event.number == 1:
                cure(received).decide(streams)
            seen.append(received.event.number)
            return [(stream, Increased(by=received.event.number))]

        return Command((stream,), decide, NOW)

    consumer = consumer_of(database, noting)
    await deliver(consumer, [topic.record(logged(counter), key=counter), topic.record(signed(other))])
    await deliver(consumer, [topic.record(logged(counter, number), key=counter) for number in (10, 100)])
    await deliver(consumer, [topic.record(logged(counter, 1000), key=counter)])
    await consumer.release()
    assert (await value(database, counter), await value(database, other)) == (0, 1)
    (letter,) = await dead(database, consumer)
    assert letter.behind == 3

    with pytest.raises(StillDead, match="may not go that high"):
        await consumer.retry(letter.event_id)
    (again,) = await dead(database, consumer)
    assert (again.tries, again.event_id) == (2, letter.event_id)

    cure.error = None
    await consumer.retry(letter.event_id)
    assert await value(database, counter) == 1111
    assert list(dict.fromkeys(seen)) == [1, 10, 100, 1000]
    assert await dead(database, consumer) == []
    with pytest.raises(NoSuchDeadLetter):
        await consumer.retry(letter.event_id)


async def test_a_dead_letter_that_is_discarded_lets_its_key_go_on_and_does_not_come_back(database: Database):
    topic, counter = Topic(), uuid4()
    consumer = consumer_of(database, Poison())
    poison = topic.record(logged(counter), key=counter)
    await deliver(consumer, [poison, topic.record(signed(uuid4())), topic.record(signed(counter), key=counter)])
    (letter,) = await dead(database, consumer)
    assert await value(database, counter) == 0

    await consumer.discard(letter.event_id, OPERATOR)
    assert await value(database, counter) == 1
    with pytest.raises(NoSuchDeadLetter):
        await consumer.discard(letter.event_id, OPERATOR)

    await deliver(consumer, [poison, topic.record(signed(counter), key=counter)])
    assert await value(database, counter) == 2
    assert await dead(database, consumer) == []
    async with database.pool.connect() as conn:
        kept = (await conn.execute(text("select value, headers, discarded_by from dead_letters"))).one()
    assert kept == (b"", "[]", OPERATOR)


async def test_a_redelivery_of_a_dead_letter_and_of_what_waits_behind_it_changes_nothing(database: Database):
    topic, counter = Topic(), uuid4()
    consumer = consumer_of(database, Poison())
    records = [
        topic.record(logged(counter), key=counter),
        topic.record(signed(uuid4())),
        topic.record(signed(counter), key=counter),
    ]
    for _ in range(3):
        await deliver(consumer, records)
    (letter,) = await dead(database, consumer)
    assert (letter.behind, letter.tries) == (1, 1)


@pytest.mark.parametrize(
    "broken", [b"not json", b"{}", b'{"pair": "no uuid", "program": 1}', b"[" * 10_000, b"\xff\xfe", b""]
)
async def test_what_cannot_be_read_is_a_dead_letter_even_alone_and_its_values_are_not_repeated(
    database: Database, broken: bytes
):
    topic, counter = Topic(), uuid4()
    consumer = consumer_of(database, Poison())
    with capture_logs() as logs:
        await deliver(consumer, [topic.record(broken, key=counter)])
    (letter,) = await dead(database, consumer)
    assert (letter.key, letter.value) == (counter, broken)
    assert "no uuid" not in letter.reason + str(logs)
    await deliver(consumer, [topic.record(signed(counter), key=counter), topic.record(signed(counter), key=uuid4())])
    assert await value(database, counter) == 1


async def test_messages_before_one_that_cannot_be_read_are_applied_and_those_of_its_key_wait(database: Database):
    topic, counter, key = Topic(), uuid4(), uuid4()
    consumer = consumer_of(database, Poison())
    records = [
        topic.record(signed(counter), key=key),
        topic.record(b"broken", key=key),
        topic.record(signed(counter), key=key),
        topic.record(signed(counter), key=uuid4()),
        topic.record(signed(counter), key=uuid4(), partition=1),
    ]
    await deliver(consumer, records)
    assert await value(database, counter) == 3
    (letter,) = await dead(database, consumer)
    assert letter.behind == 1
    with pytest.raises(StillDead, match="MalformedMessage"):
        await consumer.retry(letter.event_id)
    await consumer.discard(letter.event_id, OPERATOR)
    assert await value(database, counter) == 4


@pytest.mark.parametrize(
    "header",
    [("ce_id", None), ("ce_id", b"no uuid"), ("ce_source", b"\xff"), ("ce_time", b"noon"), ("ce_extra", b"\xff\0")],
)
async def test_a_record_whose_attributes_cannot_be_read_is_kept_byte_for_byte_and_once(
    database: Database, header: tuple[str, bytes | None]
):
    record = Topic().record(signed(uuid4()))
    others = tuple(each for each in record.headers if each[0] != header[0])
    odd = replace(record, headers=(*others, header))
    consumer = consumer_of(database, Poison())
    for _ in range(2):
        await deliver(consumer, [odd])
    (letter,) = await dead(database, consumer)
    assert letter.headers == (*others, (header[0], header[1] or b""))
    assert letter.value == record.value


async def test_a_message_that_fails_with_nobody_to_witness_stops_its_partition_and_is_tried_again(database: Database):
    topic, counter, poison = Topic(), uuid4(), Poison()
    consumer = consumer_of(database, poison)
    record = topic.record(logged(counter), key=counter)
    stopped = TopicPartition(TOPIC, 0)
    partitions = await deliver(consumer, [record, topic.record(signed(counter), key=counter)])
    assert (partitions.sought, partitions.paused) == ([(stopped, 0)], {stopped})
    assert consumer.stopped[stopped] == "TooMuch: The counter may not go that high"
    assert await dead(database, consumer) == []
    await eventually(lambda: not partitions.paused, within=10)
    poison.error = None
    await deliver(consumer, [record])
    assert (await value(database, counter), consumer.stopped) == (1, {})


async def test_when_every_message_fails_none_is_to_blame(database: Database):
    topic = Topic()

    def broken(received) -> Command:
        raise KeyError

    consumer = consumer_of(database, broken)
    partitions = await deliver(consumer, [topic.record(logged(uuid4()), partition=i % 2) for i in range(20)])
    assert await dead(database, consumer) == []
    assert partitions.paused == {TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)}


async def test_a_witness_of_another_partition_is_enough_at_the_next_try(database: Database):
    topic, counter = Topic(), uuid4()
    consumer = consumer_of(database, Poison())
    poison = topic.record(logged(counter), key=counter)
    await deliver(consumer, [poison])
    assert await dead(database, consumer) == []
    await deliver(consumer, [topic.record(signed(uuid4()), partition=1)])
    await deliver(consumer, [poison])
    assert len(await dead(database, consumer)) == 1
    assert consumer.stopped == {}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError(), ConnectionResetError()])
async def test_a_failure_of_the_world_makes_no_dead_letter_whatever_else_passes(database: Database, error: Exception):
    topic = Topic()
    consumer = consumer_of(database, Poison(error))
    records = [topic.record(logged(uuid4())), *(topic.record(signed(uuid4())) for _ in range(5))]
    partitions = await deliver(consumer, records)
    assert await dead(database, consumer) == []
    assert partitions.paused == {TopicPartition(TOPIC, 0)}


async def test_a_message_whose_cause_does_not_come_is_a_dead_letter_after_a_while_and_its_key_waits_on(
    database: Database,
):
    topic, counter, other = Topic(), uuid4(), uuid4()

    def when_begun(received) -> Command:
        stream = COUNTER.stream(received.event.pair)
        return Command((stream,), lambda _: [(stream, Increased(by=1))], NOW, requires=(stream,))

    patient = consumer_of(database, when_begun)
    await deliver(patient, [topic.record(logged(counter), key=counter), topic.record(signed(other), key=counter)])
    await patient.release()
    assert await dead(database, patient) == []

    hasty = consumer_of(database, when_begun, longest_wait=timedelta())
    await hasty.release()
    (letter,) = await dead(database, hasty)
    assert (letter.key, letter.behind, letter.topic) == (counter, 1, TOPIC)
    assert letter.reason == "the event that caused it did not come within 0 s"
    with pytest.raises(StillDead, match="has not arrived"):
        await hasty.retry(letter.event_id)
    assert await value(database, other) == 0

    await database.commands.execute(increase(counter))
    await hasty.retry(letter.event_id)
    assert (await value(database, counter), await value(database, other)) == (2, 1)


async def test_a_message_that_fails_when_its_cause_has_come_is_a_dead_letter_too(database: Database):
    topic, counter, other, poison = Topic(), uuid4(), uuid4(), Poison()

    def when_begun(received) -> Command:
        return replace(poison(received), requires=(COUNTER.stream(received.event.pair),))

    consumer = consumer_of(database, when_begun)
    await deliver(consumer, [topic.record(logged(counter), key=counter), topic.record(signed(other), key=counter)])
    await database.commands.execute(increase(counter))
    await consumer.release()
    assert await dead(database, consumer) == []
    await deliver(consumer, [topic.record(signed(uuid4()))])
    await consumer.release()
    (letter,) = await dead(database, consumer)
    assert (letter.behind, letter.reason) == (1, "TooMuch: The counter may not go that high")
    poison.error = None
    await consumer.retry(letter.event_id)
    assert (await value(database, counter), await value(database, other)) == (2, 1)


async def test_two_who_retry_one_dead_letter_at_once_have_one_effect(database: Database):
    topic, counter, poison = Topic(), uuid4(), Poison()
    consumer = consumer_of(database, poison)
    await deliver(consumer, [topic.record(logged(counter), key=counter), topic.record(signed(uuid4()))])
    (letter,) = await dead(database, consumer)
    poison.error = None
    others = [consumer_of(database, poison) for _ in range(4)]
    outcomes = await asyncio.gather(*(one.retry(letter.event_id) for one in others), return_exceptions=True)
    assert await value(database, counter) == 1
    assert None in outcomes
    assert all(outcome is None or isinstance(outcome, (NoSuchDeadLetter, StillDead)) for outcome in outcomes)
    assert await dead(database, consumer) == []
