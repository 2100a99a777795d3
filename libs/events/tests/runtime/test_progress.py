"""What stands still for too long is named; what gets on, waits for a server, or is tried again, is not."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Self
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from events.contracts.envelope import Envelope
from events.contracts.sessions import AgreementSigned
from events.runtime import applying, progress
from events.runtime.consumer import Consumer
from events.runtime.effects import TopicProjector
from events.runtime.hints import Hints
from events.runtime.messages import Message
from events.runtime.progress import Liveness, Seen, Stillness, WatchedConsumer, WatchedProjector, WatchedRelay
from events.runtime.projecting import StoreProjection, TopicProjection
from events.runtime.relay import Relay
from events.runtime.sending import Sender
from events.runtime.store_projector import StoreProjector
from events.testing import eventually
from events.testing.counters import Database, Increased, increase

TOPIC = AgreementSigned.topic()
PLACE = TopicPartition(TOPIC, 2)


@pytest.fixture
def kafka() -> Iterator[str]:
    keeper = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(keeper.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del keeper


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LOOK_EVERY", 0.05)


async def apply(*_) -> None:
    """It changes no table."""


def consumer(database: Database, effect=apply) -> Consumer:
    projection = TopicProjection("test", (AgreementSigned,), effect, tables=())
    return Consumer("test", "service.test", database.pool, TopicProjector(projection))


class Watch:
    """A liveness that looks, with a limit of a quarter of a second."""

    def __init__(self, database: Database, *watched, answers=True) -> None:
        async def broker_answers() -> bool:
            return self.answers

        self.answers = answers
        self.looks = 0
        self._watched = watched
        self._liveness = Liveness(database.url, "health", [self, *watched], broker_answers, 0.25)

    async def look(self, _) -> dict[str, Seen]:
        self.looks += 1
        return {}

    async def close(self) -> None: ...

    async def looked(self, times: int = 20) -> dict[str, float]:
        """What stands still after so many looks."""
        before = self.looks
        await eventually(lambda: self.looks >= before + times)
        return self._liveness.stands_still

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._liveness.watch())
        return self

    async def __aexit__(self, *_) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def send(kafka: str, messages: int = 1) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for _ in range(messages):
            await producer.send_and_wait(TOPIC, b"x", partition=PLACE.partition)


async def commit(kafka: str, offset: int) -> None:
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id="service.test", enable_auto_commit=False) as member:
        member.assign([PLACE])
        await member.commit({PLACE: offset})


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.floats(0.1, 9)), max_size=40))
def test_something_stands_still_for_as_long_as_it_was_seen_behind_and_in_one_place(looks):
    stillness = Stillness(10)
    still, former = 0.0, None
    for place, behind, elapsed in looks:
        stillness.see({"it": Seen(place, behind)}, elapsed)
        still = still + elapsed if behind and place == former else 0.0
        former = place
        assert stillness.too_long == ({"it": still} if still > 10 else {})
    stillness.see({}, 100)
    assert stillness.too_long == {}


def test_patience_multiplies_the_limit():
    stillness = Stillness(10)
    for _ in range(3):
        stillness.see({"mine": Seen(1, behind=True), "others'": Seen(1, behind=True, patience=2)}, 8)
    assert set(stillness.too_long) == {"mine"}


async def test_a_consumer_that_falls_silent_is_named_until_it_gets_on(database: Database, kafka: str):
    silent = consumer(database)
    silent.given([PLACE])
    await send(kafka, 3)
    async with Watch(database, WatchedConsumer(silent, kafka)) as watch:
        await eventually(lambda: list(watch._liveness.stands_still) == [f"service.test {TOPIC} 2"])
        await commit(kafka, 1)
        await eventually(lambda: watch._liveness.stands_still == {})
        await eventually(lambda: watch._liveness.stands_still != {})
        await commit(kafka, 3)
        assert await watch.looked() == {}


async def test_a_consumer_without_partitions_answers_for_its_group_with_more_patience(database: Database, kafka: str):
    await send(kafka)
    async with Watch(database, WatchedConsumer(consumer(database), kafka)) as watch:
        await eventually(lambda: watch._liveness.stands_still != {})
        assert watch._liveness.stands_still[f"service.test {TOPIC} 2"] > 0.5


async def test_partitions_of_others_and_those_that_stand_still_on_purpose_are_not_named(database: Database, kafka: str):
    await send(kafka)
    elsewhere, stopped = consumer(database), consumer(database)
    elsewhere.given([TopicPartition(TOPIC, 1)])
    stopped.given([PLACE])
    stopped.stopped[PLACE] = "a reason"
    watched = [WatchedConsumer(one, kafka) for one in (elsewhere, stopped)]
    async with Watch(database, *watched) as watch:
        assert await watch.looked() == {}


async def test_a_consumer_that_fails_and_tries_again_does_not_stand_still(
    database: Database, kafka: str, monkeypatch: pytest.MonkeyPatch
):
    async def disk_full(*_) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(applying, "_LONGEST_PAUSE", 0.05)
    failing = consumer(database, disk_full)
    failing.given([PLACE])
    await send(kafka)
    agreed = AgreementSigned(pair=uuid4(), program=uuid4())
    envelope = Envelope(
        id=uuid4(),
        source="/test",
        type=agreed.type,
        subject=agreed.pair,
        time=datetime.now(UTC),
        sequence=1,
        dataschema="",
        correlation=None,
        causation=None,
        creation_traceparent=None,
    )
    trying = asyncio.create_task(failing.apply([Message.of(envelope, agreed)]))
    async with Watch(database, WatchedConsumer(failing, kafka)) as watch:
        assert await watch.looked() == {}
        trying.cancel()
        await eventually(lambda: watch._liveness.stands_still != {})


async def test_nothing_is_named_while_the_broker_does_not_answer(database: Database, kafka: str):
    silent = consumer(database)
    silent.given([PLACE])
    await send(kafka)
    async with Watch(database, WatchedConsumer(silent, kafka)) as watch:
        await eventually(lambda: watch._liveness.stands_still != {})
        watch.answers = False
        await eventually(lambda: watch._liveness.stands_still == {})
        watch.answers = True
        await eventually(lambda: watch._liveness.stands_still != {})


async def test_a_relay_that_hangs_is_named_while_it_leads_and_its_brake_does_not_hold_it(
    database: Database, kafka: str
):
    class Hanging(Sender):
        async def send(self, _) -> None:
            await asyncio.Event().wait()

    class HoldingBrake:
        async def hold(self) -> None:
            await held.wait()

        async def close(self) -> None: ...

    held = asyncio.Event()
    sender = Hanging(
        bootstrap_servers=kafka,
        codec=database.codec,
        publications={Increased: ()},
        source="/test",
        schema_base="http://test",
    )
    hanging = Relay(database.url, sender, Hints(None, "").reader(), brake=HoldingBrake())
    await database.commands.execute(increase(uuid4()))
    async with Watch(database, WatchedRelay(hanging)) as watch:
        assert await watch.looked() == {}
        running = asyncio.create_task(hanging.run())
        await eventually(lambda: hanging.is_held)
        assert await watch.looked() == {}
        held.set()
        await eventually(lambda: list(watch._liveness.stands_still) == ["relay"])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await eventually(lambda: watch._liveness.stands_still == {})


async def test_a_projector_that_hangs_is_named_until_its_cursor_gets_on(database: Database, monkeypatch):
    async def hang(*_) -> None:
        await held.wait()

    held = asyncio.Event()
    projection = StoreProjection("tallies", (Increased,), hang, tables=())
    projector = StoreProjector(database.pool, database.codec, projection, Hints(None, "").reader())
    await database.commands.execute(increase(uuid4()))
    async with Watch(database, WatchedProjector(projector)) as watch:
        running = asyncio.create_task(projector.run())
        await eventually(lambda: list(watch._liveness.stands_still) == [projector.cursor])
        held.set()
        await eventually(lambda: watch._liveness.stands_still == {})
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
