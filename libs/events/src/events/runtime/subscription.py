"""Consumers on Kafka through FastStream: batches, nothing acknowledged before it is applied."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from events.runtime.consumer import Consumer
from events.runtime.logs import named

_log = structlog.get_logger(__name__)

_LARGEST_BATCH = 500
_BATCH_TIMEOUT_MS = 20
_RELEASE_EVERY = 0.25
_PAUSE = 1.0
_BATCH_MAY_TAKE = 10.0
"""Seconds that a stopping process gives the batch in hand; undone, it is delivered again."""


class Subscription:
    """Consumers of one process."""

    def __init__(self, bootstrap_servers: str, consumers: Sequence[Consumer], client_id: str) -> None:
        self.started = False
        self._consumers = consumers
        # A broker object each: one starts its subscribers one after the other, and each waits for its group to form.
        self._brokers = [_subscribed(consumer, bootstrap_servers, client_id) for consumer in consumers]

    async def run(self) -> None:
        """Consume for ever. Cancelled, it finishes the batches in hand and leaves its groups."""
        try:
            await asyncio.gather(*(_start(broker) for broker in self._brokers))
            self.started = True
            # Each by itself: a million messages of one consumer may be free at once.
            await asyncio.gather(*(self._release(consumer) for consumer in self._consumers))
        finally:
            self.started = False
            await asyncio.gather(*(broker.stop() for broker in self._brokers))

    async def _release(self, consumer: Consumer) -> None:
        more = False
        while True:
            await asyncio.sleep(0 if more else _RELEASE_EVERY)
            try:
                more = await consumer.release()
            except Exception as error:  # noqa: BLE001 - what waits is tried again; the consumer itself goes on
                more = False
                _log.warning("what waits could not be released", consumer=consumer.name, error=named(error))


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Tells a consumer which partitions are its own."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._consumer.revoked(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._consumer.given(assigned)


async def _start(broker: KafkaBroker) -> None:
    while True:
        try:
            await broker.start()
        except (KafkaError, OSError) as error:
            _log.warning("consumers: the broker is away", error=named(error))
            await broker.stop()
            await asyncio.sleep(_PAUSE)
        else:
            return


def _subscribed(consumer: Consumer, bootstrap_servers: str, client_id: str) -> KafkaBroker:
    # Topics are made on purpose, with their partitions and retention: FastStream would make them with one partition.
    broker = KafkaBroker(
        bootstrap_servers.split(","),  # in a text with several it would see one address
        client_id=client_id,
        logger=logging.getLogger(__name__),  # FastStream's own writes lines of another form
        allow_auto_create_topics=False,
        graceful_timeout=_BATCH_MAY_TAKE,
    )

    @broker.subscriber(
        *sorted({event_type.topic() for event_type in consumer.effects.handles}),
        batch=True,
        group_id=consumer.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        max_records=_LARGEST_BATCH,
        batch_timeout_ms=_BATCH_TIMEOUT_MS,
        decoder=_undecoded,
        listener=_Assignments(consumer),
    )
    async def handle(message: KafkaMessage) -> None:
        records: Any = message.raw_message
        partitions: Any = message.consumer
        await consumer.handle(records, partitions)

    return broker


async def _undecoded(_: Any) -> None:  # noqa: ANN401 - FastStream's message type differs between batch and single
    """The consumer decodes records itself, once."""
