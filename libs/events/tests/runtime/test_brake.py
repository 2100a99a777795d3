import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import Producer
from structlog.testing import capture_logs

from events.runtime.brake import CommittedOffsets
from events.testing.eventually import eventually

TOPIC = "test.public"


@pytest.fixture
def kafka() -> Iterator[str]:
    keeper = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(keeper.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del keeper


async def send(kafka: str, messages: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for _ in range(messages):
            await producer.send_and_wait(TOPIC, b"x", partition=2)


async def commit(kafka: str, group: str, offset: int) -> None:
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False) as consumer:
        place = TopicPartition(TOPIC, 2)
        consumer.assign([place])
        await consumer.commit({place: offset})


async def look(brake: CommittedOffsets) -> None:
    """It looks at every second page."""
    await brake.hold()
    await brake.hold()


async def test_a_relay_holds_while_any_group_is_too_far_behind_and_goes_on_when_it_has_caught_up(kafka: str):
    brake = CommittedOffsets(kafka, {TOPIC: ("quick", "slow")}, furthest=10)
    await send(kafka, 5)
    await look(brake)
    await send(kafka, 20)
    await commit(kafka, "quick", 25)

    with capture_logs() as logs:
        holding = asyncio.create_task(look(brake))
        await commit(kafka, "slow", 3)
        assert not holding.done()
        await commit(kafka, "slow", 20)
        await eventually(holding.done)
        await holding
    await brake.close()
    assert logs == []


async def test_a_group_that_stands_still_is_named_loudly_once(kafka: str):
    brake = CommittedOffsets(kafka, {TOPIC: ("slow",)}, furthest=10, loud_after=0)
    await send(kafka, 20)
    with capture_logs() as logs:
        holding = asyncio.create_task(look(brake))
        await eventually(lambda: bool(logs))
        await commit(kafka, "slow", 20)
        await holding
    await brake.close()
    assert [(line["log_level"], line["group"], line["topics"]) for line in logs] == [("error", "slow", [TOPIC])]


async def test_a_topic_that_nobody_follows_holds_nobody(kafka: str):
    brake = CommittedOffsets(kafka, {TOPIC: ()}, furthest=1)
    await send(kafka, 5)
    async with asyncio.timeout(5):
        await look(brake)
    assert await brake._furthest_behind() is None
    await brake.close()
