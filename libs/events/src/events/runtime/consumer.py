"""A consumer takes batches of deliveries: one transaction a batch, effects first, inbox rows last, then offsets.

What fails by itself a moment later is tried again here, with backoff. A message that can never be applied stops its
partition, loudly, and no other: everything before it is applied, nothing behind it is.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from time import monotonic, perf_counter
from typing import NamedTuple, Protocol, TypeAlias
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from opentelemetry.trace import Link, SpanKind
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.contracts.envelope import MalformedMessage
from events.runtime.database import is_transient
from events.runtime.effects import Effect, Effects, Poison, RaceLost
from events.runtime.inbox import Inbox, Parked
from events.runtime.logs import named
from events.runtime.message_spans import MessageSpan
from events.runtime.messages import Message, decode, place_of
from events.runtime.refusals import Refusal
from events.runtime.telemetry import (
    batch_span,
    consumed_messages,
    consumer_stopped,
    context_of,
    inbox_duplicates,
    process_duration,
    traceparent_of,
    waiting_for_cause,
)

_log = structlog.get_logger(__name__)

_TRIES_OF_ONE = 3
_SHORTEST_PAUSE = 0.02
_LONGEST_PAUSE = 30.0
_LOOK_EVERY = 5.0

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class Partitions(Protocol):
    """What a consumer needs of the Kafka client to stop at a message: `aiokafka.AIOKafkaConsumer` has it."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Deliver from this offset next."""

    def pause(self, *partitions: TopicPartition) -> None:
        """Deliver nothing of these."""

    def resume(self, *partitions: TopicPartition) -> None:
        """Deliver again."""

    def assignment(self) -> set[TopicPartition]:
        """Partitions of this member now."""


class _Delivery(NamedTuple):
    record: Record
    message: Message


def _raced_at_the_inbox(error: Exception) -> bool:
    """Another member of the group applied some of these messages meanwhile: a zombie, or a rebalance."""
    return isinstance(error, IntegrityError) and "inbox_pkey" in str(error.orig)


def _reason(error: BaseException) -> str:
    """Why a message failed, for logs and `/readyz`. Our own errors promise to name no values; of others, the type."""
    cause = error.__cause__ if isinstance(error, Poison) and error.__cause__ else error
    name = type(cause).__name__
    return f"{name}: {cause}" if isinstance(cause, (MalformedMessage, Refusal)) else name


class Consumer:
    """One consumer group member of a service: `name` is its inbox and the end of its group's name."""

    def __init__(self, name: str, group: str, pool: AsyncEngine, effects: Effects) -> None:
        self.name = name
        self.group = group
        self.effects = effects
        self.stopped: dict[TopicPartition, str] = {}
        """Partitions that stand at a poison message, and why."""
        self._pool = pool
        self._inbox = Inbox(name)
        self._may_wait = True
        self._parkings = 0
        self._look_again = 0.0
        self._failures: dict[TopicPartition, int] = defaultdict(int)
        self._resuming: dict[TopicPartition, asyncio.TimerHandle] = {}

    async def handle(self, records: Sequence[Record], partitions: Partitions) -> None:
        """Apply one batch. Returns when offsets may be committed; raises only when it is cancelled."""
        deliveries, malformed = self._decode(records)
        if deliveries:
            try:
                await self.apply([d.message for d in deliveries], {d.message.id: d.record for d in deliveries})
            except Exception as error:  # noqa: BLE001 - whatever it is, the culprit is looked for partition by partition
                _log.warning("a batch failed; its partitions are tried apart", consumer=self.name, error=_reason(error))
                await self._apart(deliveries, malformed)
        for place, (record, reason) in malformed.items():
            self._stop(place, record, reason, partitions)
        for place in {place_of(record) for record in records} - malformed.keys():
            self._went_on(place)

    async def release(self) -> None:
        """Apply messages whose cause has arrived. Looks seldom while nothing is known to wait."""
        if not self._may_wait and monotonic() < self._look_again:
            return
        self._look_again = monotonic() + _LOOK_EVERY
        while True:
            before = self._parkings
            async with self._pool.connect() as conn:
                messages = await self._inbox.released(conn)
                if not messages:
                    # What was parked meanwhile may have been committed after this look.
                    self._may_wait = await self._inbox.anything_waits(conn) or self._parkings != before
                    return
            try:
                if not await self._transaction(messages, released=True):
                    return
            except (RaceLost, IntegrityError):
                return  # another member was quicker, or the next round will be
            except Exception as error:
                if is_transient(error):
                    raise
                await self._release_apart(messages)
                return

    async def _release_apart(self, messages: Sequence[Message]) -> None:
        """One key at a time, so that what cannot be applied holds only its own key back."""
        by_key: dict[UUID, list[Message]] = defaultdict(list)
        for message in messages:
            by_key[message.key].append(message)
        for key, of_key in by_key.items():
            try:
                await self._transaction(of_key, released=True)
            except Exception as error:
                if is_transient(error):
                    raise
                _log.error(
                    "a message that waited cannot be processed; its key waits on",
                    consumer=self.name,
                    key=str(key),
                    event_id=str(of_key[0].id),
                    error=_reason(error),
                )

    def _decode(
        self, records: Sequence[Record]
    ) -> tuple[list[_Delivery], dict[TopicPartition, tuple[Record, Exception]]]:
        """Messages to apply, and the first malformed record of each partition; nothing behind that is taken."""
        deliveries: list[_Delivery] = []
        malformed: dict[TopicPartition, tuple[Record, Exception]] = {}
        for record in records:
            place = place_of(record)
            if place in malformed:
                continue
            try:
                message = decode(record.headers, record.value or b"", self.effects.handles)
            except Exception as error:  # noqa: BLE001 - what cannot even be read stops its partition, not the loop
                malformed[place] = (record, error)
                continue
            if message is not None:
                deliveries.append(_Delivery(record, message))
        return deliveries, malformed

    async def _apart(
        self, deliveries: Sequence[_Delivery], poisoned: dict[TopicPartition, tuple[Record, Exception]]
    ) -> None:
        by_place: dict[TopicPartition, list[_Delivery]] = defaultdict(list)
        for delivery in deliveries:
            by_place[place_of(delivery.record)].append(delivery)
        for place, of_place in by_place.items():
            culprit = await self._halve(of_place)
            if culprit is not None:
                poisoned[place] = culprit

    async def _halve(self, deliveries: Sequence[_Delivery]) -> tuple[Record, Exception] | None:
        """Apply in order up to the first message that cannot be applied; answer that one."""
        for attempt in range(_TRIES_OF_ONE if len(deliveries) == 1 else 1):
            try:
                await self.apply([d.message for d in deliveries], {d.message.id: d.record for d in deliveries})
            except Exception as error:  # noqa: BLE001 - a single message that keeps failing is the culprit
                failure: Exception = error
                await asyncio.sleep(0.01 * 2**attempt)
            else:
                return None
        if len(deliveries) == 1:
            return deliveries[0].record, failure
        half = len(deliveries) // 2
        return await self._halve(deliveries[:half]) or await self._halve(deliveries[half:])

    async def apply(self, messages: Sequence[Message], records: Mapping[UUID, Record] | None = None) -> None:
        """Apply messages in as many transactions as races ask for; wait out a database that is away.

        `records` are the deliveries behind the messages, for their spans. Raises what will not pass by itself.
        """
        pause = _SHORTEST_PAUSE
        while messages:
            try:
                messages = await self._transaction(messages, records)
            except RaceLost:
                if len(messages) > 1:
                    for message in messages:
                        await self.apply([message], records)
                    return
            except Exception as error:
                if not is_transient(error) and not _raced_at_the_inbox(error):
                    raise
                _log.warning("the batch is done again", consumer=self.name, error=named(error))
            else:
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _transaction(
        self,
        messages: Sequence[Message],
        records: Mapping[UUID, Record] | None = None,
        *,
        released: bool = False,
    ) -> Sequence[Message]:
        """Apply messages once, with their inbox rows. Answers those that lost a race and must be done again."""
        started = perf_counter()
        processing: list[MessageSpan] = []
        with ExitStack() as spans:
            try:
                async with self._pool.begin() as conn:
                    todo, parked = (list(messages), []) if released else await self._new(conn, messages)
                    spans.enter_context(
                        batch_span(f"process {self.group}", [context_of(m.received.traceparent) for m in todo])
                    )
                    processing += [self._span(message, (records or {}).get(message.id)) for message in todo]
                    effect = await self._effect(conn, todo, processing)
                    await self._inbox.take_in(conn, effect.applied)
                    if released:
                        await self._inbox.unpark(conn, effect.applied)
                        await self._inbox.wait_again(conn, effect.parked)
                    else:
                        await self._inbox.park(conn, [*effect.parked, *parked])
            except BaseException as error:
                for span in processing:
                    span.end(error)
                raise
            for span in processing:
                span.end()
        if effect.applied:
            self.effects.applied()
        if effect.parked or parked:
            self._parkings += 1
            self._may_wait = True
        labels = {"messaging.system": "kafka", "messaging.consumer.group.name": self.group}
        consumed_messages.add(len(effect.applied), labels)
        process_duration.record(perf_counter() - started, labels)
        waiting_for_cause.add(
            -len(effect.applied) if released else len(effect.parked) + len(parked), {"consumer": self.name}
        )
        if released:
            return effect.applied
        return effect.lost

    async def _effect(
        self, conn: AsyncConnection, todo: Sequence[Message], processing: Sequence[MessageSpan]
    ) -> Effect:
        if not todo:
            return Effect(applied=())
        return await self.effects.apply(conn, todo, [traceparent_of(span.context) for span in processing])

    async def _new(self, conn: AsyncConnection, messages: Sequence[Message]) -> tuple[list[Message], list[Parked]]:
        """Messages to apply now, and those that must wait behind others of their key. Known ones are dropped."""
        seen, keys = await self._inbox.known(conn, messages)
        todo: list[Message] = []
        parked: list[Parked] = []
        for message in messages:
            if message.id in seen:
                continue
            seen.add(message.id)
            if message.key in keys:
                parked.append(Parked(message, None))
            else:
                todo.append(message)
        duplicates = len(messages) - len(todo) - len(parked)
        if duplicates:
            inbox_duplicates.add(duplicates, {"consumer": self.name})
        return todo, parked

    def _span(self, message: Message, record: Record | None) -> MessageSpan:
        sender = context_of(message.received.traceparent)
        topic = message.received.event.topic()

        def attributes() -> dict[str, str | int]:
            found: dict[str, str | int] = {
                "messaging.system": "kafka",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": topic,
                "messaging.consumer.group.name": self.group,
                "messaging.message.id": str(message.id),
                "messaging.kafka.message.key": str(message.key),
            }
            if record is not None:
                found["messaging.destination.partition.id"] = str(record.partition)
                found["messaging.kafka.offset"] = record.offset
            return found

        links = [Link(sender)] if sender.is_valid else []
        return MessageSpan(f"process {topic}", SpanKind.CONSUMER, sender, links, attributes)

    def _stop(self, place: TopicPartition, record: Record, error: Exception, partitions: Partitions) -> None:
        self._failures[place] += 1
        pause = min(2.0 ** self._failures[place], _LONGEST_PAUSE)
        reason = _reason(error)
        if place not in self.stopped:
            consumer_stopped.add(1, {"consumer": self.name})
        self.stopped[place] = reason
        _log.error(
            "a message cannot be processed; its partition stands still",
            consumer=self.name,
            topic=place.topic,
            partition=place.partition,
            offset=record.offset,
            event_id=(dict(record.headers).get("ce_id") or b"").decode(errors="replace"),
            error=reason,
            tried_again_in=pause,
        )
        partitions.seek(place, record.offset)
        partitions.pause(place)
        loop = asyncio.get_running_loop()
        self._resuming[place] = loop.call_later(pause, self._resume, place, partitions)

    def revoked(self, places: Collection[TopicPartition]) -> None:
        """These belong to another member of the group now: where they stand, and why, is for that one to say."""
        for place in places:
            self._failures.pop(place, None)
            if place in self._resuming:
                self._resuming.pop(place).cancel()
            if self.stopped.pop(place, None) is not None:
                consumer_stopped.add(-1, {"consumer": self.name})

    def _resume(self, place: TopicPartition, partitions: Partitions) -> None:
        self._resuming.pop(place, None)
        if place in partitions.assignment():
            partitions.resume(place)

    def _went_on(self, place: TopicPartition) -> None:
        self._failures.pop(place, None)
        if self.stopped.pop(place, None) is not None:
            consumer_stopped.add(-1, {"consumer": self.name})
            _log.info("a partition goes on", consumer=self.name, topic=place.topic, partition=place.partition)
