"""From the store to Kafka: everything from the cursor on, in order, one batch a partition a page.

Single `send`s are not enough for order: with a partition leaderless beyond `request_timeout_ms` aiokafka drops one
batch and sends the next, so version 2 arrives without 1. Safety does not hang on the leader's lock: two relays at once
make duplicates and no disorder, because each sends all from the cursor on and moves it by compare-and-set.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic, perf_counter
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts import envelope
from events.contracts.envelope import Envelope
from events.contracts.registry import PublishedEvent
from events.runtime import cursors, store
from events.runtime.codec import Codec
from events.runtime.database import is_transient
from events.runtime.hints import Reader
from events.runtime.leadership import leader
from events.runtime.logs import named
from events.runtime.message_spans import MessageSpan
from events.runtime.private_events import Recorded, UnknownEventType
from events.runtime.publishing import Publications
from events.runtime.store import LogEntry, Position
from events.runtime.telemetry import (
    batch_span,
    context_of,
    gate_age,
    operation_duration,
    relay_lag,
    sent_messages,
    traceparent_of,
)

_log = structlog.get_logger(__name__)

_POLL = 1.0
_PAGE = 1_000
_LARGEST_BATCH = 1_000_000
_LARGEST_VALUE = _LARGEST_BATCH - 20_000
_PAUSE = 0.3
_MEASURE_EVERY = 5.0
_STREAMS_REMEMBERED = 50_000


class MessageTooLarge(RuntimeError):
    """A publication made more of an event than the broker takes. Nothing is skipped: the relay stands there."""

    def __init__(self, found: Envelope) -> None:
        super().__init__(f"{found.type} {found.id} is larger than a message may be")


class Brake(Protocol):
    """Holds a relay back while subscribers of a broker that forgets are too far behind."""

    async def hold(self) -> None:
        """Return when it may go on."""

    async def close(self) -> None:
        """Let go of connections."""


class _NoBrake:
    async def hold(self) -> None:
        """Kafka keeps what nobody has read yet."""

    async def close(self) -> None:
        """It has none."""


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
class Relay:
    """Publishes one service's log. `cursor` names its place; another name starts again from the beginning."""

    database_url: str
    bootstrap_servers: str
    codec: Codec
    publications: Publications
    source: str
    schema_base: str
    """URL under which the service answers the schema of a type."""
    wake: Reader
    cursor: str = "relay"
    brake: Brake = field(default_factory=_NoBrake)
    page: int = _PAGE
    poll: float = _POLL
    """Seconds after which it looks although nothing woke it."""
    create_producer: Callable[[str], AIOKafkaProducer] = create_producer
    _measured: float = float("-inf")
    _producer: AIOKafkaProducer | None = None
    _hash: Callable[[bytes], int] = field(default_factory=lambda: lru_cache(_STREAMS_REMEMBERED)(murmur2))
    """Kafka's default partitioner is this hash; in Python it takes longer than all headers together."""

    async def run(self) -> None:
        """Relay for ever, as leader; stands by while another leads. Cancel to stop."""
        try:
            while True:
                try:
                    async with leader(self.database_url, f"{self.source} {self.cursor}") as conn:
                        await self._lead(conn)
                except Exception as error:
                    # What a newer version has appended is for its relay: this one makes room for it.
                    if not isinstance(error, (KafkaError, UnknownEventType)) and not is_transient(error):
                        raise
                    # Sockets to either fail alike (OSError), so both are connected again.
                    _log.warning("relay: broker, database or a newer event; connecting again", error=named(error))
                    await self._drop_producer()
                await asyncio.sleep(_PAUSE)
        finally:
            await self.brake.close()
            await self._drop_producer()

    async def _lead(self, conn: AsyncConnection) -> None:
        position = await cursors.read(conn, self.cursor)
        _log.info("relay leads", cursor=self.cursor, after=position)
        await self._connected()
        entries = await store.read_log(conn, position, self.page)
        while True:
            await self.brake.hold()
            await self._measure(conn, position)
            if not entries:
                await self.wake.wait(self.poll)
                entries = await store.read_log(conn, position, self.page)
                continue
            following = await self._publish_and_read_on(conn, entries)
            if await cursors.move(conn, self.cursor, position, entries[-1].position):
                position, entries = entries[-1].position, following
                continue
            _log.warning("relay: another one moved the cursor; reading it again", cursor=self.cursor)
            position = await cursors.read(conn, self.cursor)
            entries = await store.read_log(conn, position, self.page)

    async def _publish_and_read_on(self, conn: AsyncConnection, entries: Sequence[LogEntry]) -> list[LogEntry]:
        """Publish a page; the next one is read while the broker takes it."""
        reading = asyncio.create_task(store.read_log(conn, entries[-1].position, self.page))
        try:
            await self.publish(entries)
        finally:
            # The connection must be idle again, whatever became of the page.
            await asyncio.wait([reading])
        return reading.result()

    async def _measure(self, conn: AsyncConnection, position: Position) -> None:
        if monotonic() - self._measured < _MEASURE_EVERY:
            return
        self._measured = monotonic()
        behind, held_back = await store.backlog(conn, position)
        relay_lag.set(behind, {"cursor": self.cursor})
        gate_age.set(held_back)

    async def publish(self, entries: Sequence[LogEntry]) -> None:
        """Send what these entries publish, and return when the broker has all of it. Raises KafkaError."""
        names = {event_type.type for event_type in self.publications}
        recorded = await self.codec.recorded([entry.stored for entry in entries if entry.stored.type in names])
        if not recorded:
            return
        producer = await self._connected()
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
                    yield _Outgoing(published, found, topic, _send_span(topic, found, poll))

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
        await asyncio.gather(*(_send_in_order(producer, place, queue) for place, queue in batches.items()))
        operation_duration.record(
            perf_counter() - started, {"messaging.system": "kafka", "messaging.operation.name": "send"}
        )

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = self.create_producer(self.bootstrap_servers)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            # aiokafka #1017: a producer that failed for good may also fail, or hang, to stop.
            with suppress(Exception):
                async with asyncio.timeout(3):
                    await producer.stop()


async def _send_in_order(producer: AIOKafkaProducer, place: tuple[str, int], queue: Sequence[Any]) -> None:
    topic, partition = place
    for batch in queue:
        await (await producer.send_batch(batch, topic, partition=partition))


def _send_span(topic: str, found: Envelope, poll: Sequence[trace.Link]) -> MessageSpan:
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
        },
    )
