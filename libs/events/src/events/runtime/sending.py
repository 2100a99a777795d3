"""What a page of the log publishes, sent to Kafka: in order, one batch a partition.

Single `send`s are not enough for order: with a partition leaderless beyond `request_timeout_ms` aiokafka drops one
batch and sends the next, so version 2 arrives without 1.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from events.contracts import envelope
from events.contracts.envelope import Envelope
from events.contracts.registry import PublishedEvent
from events.runtime.codec import Codec
from events.runtime.message_spans import MessageSpan
from events.runtime.private_events import Recorded
from events.runtime.publishing import Publications
from events.runtime.store import LogEntry
from events.runtime.telemetry import (
    batch_span,
    context_of,
    operation_duration,
    sent_messages,
    server_of,
    traceparent_of,
)

_log = structlog.get_logger(__name__)

_LARGEST_BATCH = 1_000_000
_LARGEST_VALUE = _LARGEST_BATCH - 20_000
_PAGE_MAY_TAKE = 60.0
_TO_STOP = 3.0
_STREAMS_REMEMBERED = 50_000


class MessageTooLarge(RuntimeError):
    """A publication made more of an event than the broker takes. Nothing is skipped: the relay stands there."""

    def __init__(self, found: Envelope) -> None:
        super().__init__(f"{found.type} {found.id} is larger than a message may be")


@dataclass(frozen=True, slots=True)
class _Outgoing:
    event: PublishedEvent
    envelope: Envelope
    topic: str
    span: MessageSpan

    @property
    def key(self) -> bytes:
        return str(self.envelope.subject).encode()


def create_producer(bootstrap_servers: str) -> AIOKafkaProducer:
    """A producer that keeps the order of what it is given, and answers when all replicas have it."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        enable_idempotence=True,
        acks="all",
        max_batch_size=_LARGEST_BATCH,
        max_request_size=_LARGEST_BATCH + 40_000,
        request_timeout_ms=10_000,
    )


@dataclass(slots=True)
class Sender:
    """Sends one service's events. Its producer is made when it is needed, and again after each failure."""

    bootstrap_servers: str
    codec: Codec
    publications: Publications
    source: str
    schema_base: str
    """URL under which the service answers the schema of a type."""
    create_producer: Callable[[str], AIOKafkaProducer] = create_producer
    _producer: AIOKafkaProducer | None = None
    _hash: Callable[[bytes], int] = field(default_factory=lambda: lru_cache(_STREAMS_REMEMBERED)(murmur2))
    """Kafka's default partitioner is this hash; in Python it takes longer than all headers together."""

    async def send(self, entries: Sequence[LogEntry]) -> None:
        """Send what these entries publish; the broker has it all when this returns. Raises KafkaError, TimeoutError."""
        names = {event_type.type for event_type in self.publications}
        recorded = await self.codec.recorded([entry.stored for entry in entries if entry.stored.type in names])
        if not recorded:
            return
        producer = await self.connected()
        started = perf_counter()
        outgoing: list[_Outgoing] = []
        with batch_span("relay", []) as poll:
            try:
                outgoing = list(self._outgoing(recorded, [trace.Link(poll.get_span_context())]))
                await self._send(producer, outgoing)
            except BaseException as error:
                for message in outgoing:
                    message.span.end(error)
                raise
            for message in outgoing:
                message.span.end()
        sent_messages.add(len(outgoing), {"messaging.system": "kafka"})
        _log.debug("relayed", events=len(outgoing), seconds=perf_counter() - started)

    def _outgoing(self, recorded: Sequence[Recorded[Any]], poll: Sequence[trace.Link]) -> Iterator[_Outgoing]:
        for event in recorded:
            for function in self.publications[type(event.event)]:
                published = function(event)
                if published is not None:
                    topic, found = published.topic(), self._envelope(published, event)
                    yield _Outgoing(published, found, topic, _send_span(topic, found, poll, self.bootstrap_servers))

    def _envelope(self, published: PublishedEvent, event: Recorded[Any]) -> Envelope:
        return Envelope(
            id=published.event_id(event.id),
            source=self.source,
            type=published.type,
            subject=event.stream_id,
            time=event.at,
            sequence=event.version,
            dataschema=f"{self.schema_base}/{published.type}",
            correlation=event.correlation,
            causation=event.causation,
            creation_traceparent=event.traceparent,
        )

    async def _send(self, producer: AIOKafkaProducer, outgoing: Sequence[_Outgoing]) -> None:
        partitions = {
            topic: sorted(await producer.partitions_for(topic)) for topic in {message.topic for message in outgoing}
        }
        batches: dict[tuple[str, int], list[Any]] = defaultdict(lambda: [producer.create_batch()])
        for message in outgoing:
            topic, key = message.topic, message.key
            numbers = partitions[topic]
            queue = batches[topic, numbers[(self._hash(key) & 0x7FFFFFFF) % len(numbers)]]
            headers = envelope.encode(message.envelope, traceparent_of(message.span.context))
            value = envelope.data(message.event)
            # A batch takes any first message, and the broker's refusal names no event.
            if len(value) > _LARGEST_VALUE:
                raise MessageTooLarge(message.envelope)
            if queue[-1].append(key=key, value=value, timestamp=None, headers=headers) is None:
                queue.append(producer.create_batch())
                queue[-1].append(key=key, value=value, timestamp=None, headers=headers)
        # A partition's second batch goes only when its first has arrived, or a failure of the first would reorder them.
        started = perf_counter()
        # An idempotent producer tries for ever, and one that broke in silence would hold the relay for as long.
        async with asyncio.timeout(_PAGE_MAY_TAKE):
            await asyncio.gather(*(_send_in_order(producer, place, queue) for place, queue in batches.items()))
        operation_duration.record(
            perf_counter() - started, {"messaging.system": "kafka", "messaging.operation.name": "send"}
        )

    async def connected(self) -> AIOKafkaProducer:
        """The producer, started. Raises KafkaError."""
        if self._producer is None:
            producer = self.create_producer(self.bootstrap_servers)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def drop(self) -> None:
        """Let the producer go. The next page gets a new one."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # `stop` waits until the broker has everything, for ever while it is away (aiokafka #1017 too): it comes again.
        producer._closed = True  # noqa: SLF001 - aiokafka has no other way to end one
        for end in (producer._sender.close, producer.client.close):  # noqa: SLF001 - likewise
            with suppress(Exception):
                async with asyncio.timeout(_TO_STOP):
                    await end()


async def _send_in_order(producer: AIOKafkaProducer, place: tuple[str, int], queue: Sequence[Any]) -> None:
    topic, partition = place
    for batch in queue:
        await (await producer.send_batch(batch, topic, partition=partition))


def _send_span(topic: str, found: Envelope, poll: Sequence[trace.Link], bootstrap_servers: str) -> MessageSpan:
    return MessageSpan(
        f"send {topic}",
        SpanKind.PRODUCER,
        context_of(found.creation_traceparent),
        poll,
        lambda: {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
            "messaging.message.id": str(found.id),
            "messaging.kafka.message.key": str(found.subject),
            **server_of(bootstrap_servers),
        },
    )
