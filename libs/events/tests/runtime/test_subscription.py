"""What the library that consumes is told of a Kafka, and what it says of one that fails in our log."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError
from confluent_kafka import Producer

from events.contracts.sessions import AgreementSigned
from events.runtime import subscription
from events.runtime.consumer import Consumer
from events.runtime.effects import TopicProjector
from events.runtime.projecting import TopicProjection
from events.testing.counters import Database
from events.testing.eventually import eventually


@pytest.fixture
def kafka() -> Iterator[str]:
    keeper = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(keeper.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    del keeper


async def _ignored(*_: Any) -> None:
    """No table follows."""


def _consumer(database: Database) -> Consumer:
    projector = TopicProjector(TopicProjection("test", (AgreementSigned,), _ignored, tables=()))
    return Consumer("test", "test.test", database.pool, projector)


async def test_a_kafka_that_fails_is_heard_of(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    broker = subscription._subscribed(_consumer(database), "localhost:9", "test")
    (subscriber,) = broker.subscribers
    answers = iter([KafkaConnectionError("gone"), ConsumerStoppedError()])

    async def fail(_: object) -> None:
        raise next(answers)

    async def at_once(_: float) -> None:
        """A test does not wait."""

    monkeypatch.setattr("faststream.kafka.subscriber.usecase.anyio.sleep", at_once)
    monkeypatch.setattr(subscriber, "get_msg", fail)
    subscriber.running = True
    broker._setup_logger()
    with caplog.at_level(logging.INFO):
        await subscriber._run_consume_loop(object())

    (line,) = [record for record in caplog.records if record.name == subscription.__name__]
    assert (line.levelno, line.getMessage()) == (logging.ERROR, "Kafka error occurred")
    assert isinstance(line.exc_info[1], KafkaConnectionError)


async def test_a_consumer_starts_while_the_first_of_the_addresses_of_a_cluster_is_dead(database: Database, kafka: str):
    consumers = subscription.Subscription(f"127.0.0.1:9, {kafka}", [_consumer(database)], "test")
    running = asyncio.create_task(consumers.run())
    try:
        await eventually(lambda: consumers.started, within=10)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
