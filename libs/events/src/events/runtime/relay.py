"""From the store to Kafka: everything from the cursor on, in order, one batch a partition a page.

Single `send`s are not enough for order: with a partition leaderless beyond `request_timeout_ms` aiokafka drops one
batch and sends the next, so version 2 arrives without 1. Safety does not hang on the leader's lock: two relays at once
make duplicates and no disorder, because each sends all from the cursor on and moves it by compare-and-set.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
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
from events.runtime.private_events import Recorded
from events.runtime.publishing import Publications
from events.runtime.store import LogEntry
from events.runtime.telemetry import TRACER, batch_span, context_of, relay_lag, sent_messages, traceparent_of, under

_log = structlog.get_logger(__name__)

_POLL = 0.1
_PAGE = 500
_LARGEST_BATCH = 1_000_000
_PAUSE = 0.3


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
    span: trace.Span

    @property
    def key(self) -> bytes:
        return str(self.envelope.subject).encode()


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
    _producer: AIOKafkaProducer | None = None
    _partition: DefaultPartitioner = field(default_factory=DefaultPartitioner)

    async def run(self) -> None:
        """Relay for ever, as leader; stands by while another leads. Cancel to stop."""
        try:
            while True:
                try:
                    async with leader(self.database_url, f"{self.source} {self.cursor}") as conn:
                        await self._lead(conn)
                except KafkaError as error:
                    _log.warning("relay: the broker failed; a new producer is made", error=repr(error))
                    await self._drop_producer()
                except Exception as error:
                    if not is_transient(error):
                        raise
                    _log.warning("relay: the database failed; connecting again", error=repr(error))
                await asyncio.sleep(_PAUSE)
        finally:
            await self.brake.close()
            await self._drop_producer()

    async def _lead(self, conn: AsyncConnection) -> None:
        position = await cursors.read(conn, self.cursor)
        _log.info("relay leads", cursor=self.cursor, after=position)
        while True:
            await self.brake.hold()
            entries = await store.read_log(conn, position, self.page)
            if not entries:
                await self.wake.wait(_POLL)
                continue
            await self.publish(entries)
            if not await cursors.move(conn, self.cursor, position, entries[-1].position):
                _log.warning("relay: another one moved the cursor; reading it again", cursor=self.cursor)
                position = await cursors.read(conn, self.cursor)
                continue
            position = entries[-1].position
            relay_lag.set(len(entries) if len(entries) == self.page else 0, {"cursor": self.cursor})

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
                outgoing = list(self._outgoing(recorded, trace.Link(poll.get_span_context())))
                await self._send(producer, outgoing)
            except BaseException as error:
                for message in outgoing:
                    message.span.record_exception(error)
                raise
            finally:
                for message in outgoing:
                    message.span.end()
        sent_messages.add(len(outgoing), {"messaging.system": "kafka"})
        _log.debug("relayed", events=len(outgoing), seconds=perf_counter() - started)

    def _outgoing(self, recorded: Sequence[Recorded[Any]], poll: trace.Link) -> Iterator[_Outgoing]:
        for event in recorded:
            for function in self.publications[type(event.event)]:
                published = function(event)
                if published is not None:
                    yield _Outgoing(published, self._envelope(published, event), _send_span(published, event, poll))

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
            topic: sorted(await producer.partitions_for(topic)) for topic in {o.event.topic() for o in outgoing}
        }
        batches: dict[tuple[str, int], list[Any]] = defaultdict(lambda: [producer.create_batch()])
        for message in outgoing:
            topic, key = message.event.topic(), message.key
            numbers = partitions[topic]
            queue = batches[topic, self._partition(key, numbers, numbers)]
            headers = envelope.encode(message.envelope, traceparent_of(message.span.get_span_context()))
            value = envelope.data(message.event)
            if queue[-1].append(key=key, value=value, timestamp=None, headers=headers) is None:
                queue.append(producer.create_batch())
                queue[-1].append(key=key, value=value, timestamp=None, headers=headers)
        # A partition's second batch goes only when its first has arrived, or a failure of the first would reorder them.
        await asyncio.gather(*(_send_in_order(producer, place, queue) for place, queue in batches.items()))

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap_servers,
                enable_idempotence=True,
                acks="all",
                max_batch_size=_LARGEST_BATCH,
                max_request_size=_LARGEST_BATCH + 40_000,
                request_timeout_ms=10_000,
            )
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


def _send_span(published: PublishedEvent, event: Recorded[Any], poll: trace.Link) -> trace.Span:
    topic = published.topic()
    return TRACER.start_span(
        f"send {topic}",
        context=under(context_of(event.traceparent)),
        kind=SpanKind.PRODUCER,
        links=[poll],
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
            "messaging.message.id": str(published.event_id(event.id)),
            "messaging.kafka.message.key": str(event.stream_id),
        },
    )
