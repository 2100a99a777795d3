"""What the library that consumes says of a Kafka that fails reaches our log."""

import logging
from typing import Any

import pytest
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError

from events.contracts.sessions import AgreementSigned
from events.runtime import subscription
from events.runtime.consumer import Consumer
from events.runtime.effects import TopicProjector
from events.runtime.projecting import TopicProjection
from events.testing.counters import Database


async def test_a_kafka_that_fails_is_heard_of(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def ignored(*_: Any) -> None:
        """No table follows."""

    projector = TopicProjector(TopicProjection("test", (AgreementSigned,), ignored, tables=()))
    consumer = Consumer("test", "test.test", database.pool, projector)
    broker = subscription._subscribed(consumer, "localhost:9", "test")
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
