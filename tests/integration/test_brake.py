"""The local broker forgets, so a relay there waits for whoever follows it."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from events.runtime.brake import CommittedOffsets
from integration.servers import local_broker


@pytest.fixture(scope="module")
def broker():
    with local_broker() as address:
        yield address


async def commit(broker: str, group: str, place: TopicPartition, offset: int) -> None:
    async with AIOKafkaConsumer(bootstrap_servers=broker, group_id=group, enable_auto_commit=False) as consumer:
        consumer.assign([place])
        await consumer.commit({place: offset})


async def test_a_relay_waits_until_the_group_that_is_furthest_behind_has_committed(broker: str):
    topic, quick, slow = (f"{name}-{uuid4().hex}" for name in ("topic", "quick", "slow"))
    place = TopicPartition(topic, 0)
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for _ in range(20):
            await producer.send_and_wait(topic, b"event", partition=0)
    await commit(broker, quick, place, 20)
    brake = CommittedOffsets(broker, {topic: (quick, slow)}, furthest=10)
    try:
        await brake.hold()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(brake.hold(), timeout=1)

        await commit(broker, slow, place, 10)

        await brake.hold()
        await asyncio.wait_for(brake.hold(), timeout=10)
    finally:
        await brake.close()
