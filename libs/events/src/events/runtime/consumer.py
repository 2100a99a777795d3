"""A consumer takes batches of deliveries; offsets move on when all of a batch is applied, waits, or is a dead letter.

What fails by itself a moment later is tried again, with backoff. A message that cannot be applied while others can is a
dead letter: its key waits behind it, its partition goes on. When nothing passes, its partition stands still, loudly.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog
from aiokafka import TopicPartition
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.contracts.envelope import MalformedMessage
from events.runtime.applying import Applier, Record, Source
from events.runtime.database import is_transient
from events.runtime.dead_letters import Burial, DeadLetter, StillDead
from events.runtime.effects import Effects, RaceLost
from events.runtime.failures import may_pass, raced_at_the_inbox
from events.runtime.failures import reason as reason_of
from events.runtime.machine_time import LoopTime, MachineTime, Timer
from events.runtime.messages import Message, decode, place_of
from events.runtime.refusals import Refusal
from events.runtime.telemetry import consumer_stopped, dead_lettered
from events.runtime.waiting import Waiting

_log = structlog.get_logger(__name__)

_TRIES_OF_ONE = 3
_LONGEST_PAUSE = 30.0
_WITNESSES = 3
_LONGEST_WAIT = timedelta(hours=1)


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
    message: Message | None
    """None for a record that cannot be read; `error` says why."""
    error: Exception | None = None


class Consumer:
    """One consumer group member of a service: `name` is its inbox and the end of its group's name."""

    def __init__(
        self,
        name: str,
        group: str,
        pool: AsyncEngine,
        effects: Effects,
        *,
        longest_wait: timedelta = _LONGEST_WAIT,
        time: MachineTime | None = None,
        bootstrap_servers: str = "",
    ) -> None:
        self.name = name
        self.group = group
        self.effects = effects
        self.assigned: set[TopicPartition] = set()
        """Partitions of this member."""
        self.stopped: dict[TopicPartition, str] = {}
        """Partitions that stand still, and why."""
        self._applier = Applier(name, group, pool, effects, time or LoopTime(), bootstrap_servers=bootstrap_servers)
        self._waiting = Waiting(self._applier, longest_wait)
        self._first_failed: dict[TopicPartition, float] = {}
        self._failures: dict[TopicPartition, int] = defaultdict(int)
        self._resuming: dict[TopicPartition, Timer] = {}

    @property
    def failed_at(self) -> float:
        """When it last failed to apply something, by the monotonic clock."""
        return self._applier.failed_at

    async def handle(self, records: Sequence[Record], partitions: Partitions) -> None:
        """Apply one batch. Returns when offsets may be committed; raises only when it is cancelled."""
        deliveries, malformed = self._decode(records)
        if not malformed and await self._all_at_once(deliveries):
            for place in {place_of(record) for record in records}:
                self._went_on(place)
            return
        by_place: dict[TopicPartition, list[_Delivery]] = defaultdict(list)
        for delivery in sorted([*deliveries, *malformed], key=lambda one: one.record.offset):
            by_place[place_of(delivery.record)].append(delivery)
        for place in {place_of(record) for record in records}:
            await self._one_by_one(place, by_place[place], partitions)

    async def _all_at_once(self, deliveries: Sequence[_Delivery]) -> bool:
        try:
            await self._apply_all(deliveries)
        except Exception as error:  # noqa: BLE001 - whatever it is, the culprit is looked for partition by partition
            _log.warning("a batch failed; its partitions are tried apart", consumer=self.name, error=reason_of(error))
            return False
        return True

    async def _one_by_one(self, place: TopicPartition, rest: Sequence[_Delivery], partitions: Partitions) -> None:
        """Apply one partition's deliveries in order; what cannot be applied becomes a dead letter, or stops it."""
        while rest:
            end = next((i for i, delivery in enumerate(rest) if delivery.message is None), len(rest))
            failed = await self._halve(rest[:end]) if end else None
            if failed is None and end < len(rest):
                failed = (rest[end], rest[end].error or MalformedMessage("unreadable"))
            if failed is None:
                break
            culprit, error = failed
            behind = rest[rest.index(culprit) + 1 :]
            if not await self._is_to_blame(culprit, error, behind):
                self._stop(place, culprit.record, error, partitions)
                return
            await self._bury(culprit.record, error)
            rest = behind
        self._went_on(place)

    async def _is_to_blame(self, culprit: _Delivery, error: Exception, behind: Sequence[_Delivery]) -> bool:
        """Whether the message fails, and not the world: a full disk would make a dead letter of everything.

        What cannot be read never will be. Of anything else another message, of another key, must pass meanwhile.
        """
        if culprit.message is None:
            return True
        if may_pass(error):
            return False
        tried = {culprit.message.key}
        for delivery in behind:
            if delivery.message is None or delivery.message.key in tried:
                continue
            if len(tried) > _WITNESSES:
                return False
            tried.add(delivery.message.key)
            if await self._halve([delivery]) is None:
                return True
        return self._applier.applied_at > self._first_failed.setdefault(
            place_of(culprit.record), self._applier.time.now()
        )

    async def _bury(self, record: Record, error: Exception) -> None:
        reason = reason_of(error)
        burial = Burial.of_record(record, reason)
        await self._applier.undisturbed(partial(self._applier.dead.bury, burials=[burial]))
        dead_lettered.add(1, {"consumer": self.name})
        _log.error(
            "a message cannot be processed; it is a dead letter, and its key waits behind it",
            consumer=self.name,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            event_id=str(burial.event_id),
            error=reason,
        )

    async def apply(self, messages: Sequence[Message], records: Mapping[UUID, Record] | None = None) -> None:
        """Apply messages, which came as these records. Raises what will not pass by itself."""
        await self._applier.apply(messages, records)

    async def release(self) -> bool:
        """Apply messages that need wait no longer. Answers whether there is more to do at once."""
        return await self._waiting.release()

    async def retry(self, event_id: UUID) -> None:
        """Apply a dead letter after all, and what waits behind it. Raises NoSuchDeadLetter, NotItsTurn, StillDead."""
        async with self._applier.pool.connect() as conn:
            letter = await self._applier.dead.find(conn, event_id)
        try:
            await self._resurrect(decode(letter.headers, letter.value, self.effects.handles))
        except Exception as error:
            if isinstance(error, Refusal) or is_transient(error):
                raise
            reason = reason_of(error)
            async with self._applier.pool.begin() as conn:
                await self._applier.dead.failed_again(conn, event_id, reason)
            raise StillDead(reason) from error
        self._waiting.look_soon(letter.key)
        await self.release()

    async def _resurrect(self, message: Message | None) -> None:
        if message is None:
            raise StillDead("This consumer does not handle its type; discard it")
        for _ in range(_TRIES_OF_ONE):
            try:
                await self._applier.once([message], source=Source.GRAVE)
            except RaceLost:
                continue
            except IntegrityError as error:
                if not raced_at_the_inbox(error):
                    raise
                # It had its effect already, by another member that was quicker than the one that buried it.
                async with self._applier.pool.begin() as conn:
                    await self._applier.dead.applied(conn, [message.id])
            return
        raise RaceLost

    async def discard(self, event_id: UUID, by: UUID) -> None:
        """Give a dead letter up, and apply what waits behind it. Raises NoSuchDeadLetter."""
        async with self._applier.pool.begin() as conn:
            letter = await self._applier.dead.find(conn, event_id)
            await self._applier.dead.discard(conn, event_id, by)
        _log.warning("a dead letter was discarded", consumer=self.name, event_id=str(event_id), by=str(by))
        self._waiting.look_soon(letter.key)
        await self.release()

    async def dead(self, conn: AsyncConnection, after: UUID | None, limit: int) -> list[DeadLetter]:
        """Dead letters, by event id."""
        return await self._applier.dead.listed(conn, after, limit)

    def _decode(self, records: Sequence[Record]) -> tuple[list[_Delivery], list[_Delivery]]:
        """Messages to apply, and records that cannot be read."""
        deliveries: list[_Delivery] = []
        malformed: list[_Delivery] = []
        for record in records:
            try:
                message = decode(record.headers, record.value or b"", self.effects.handles)
            except Exception as error:  # noqa: BLE001 - what cannot even be read must not stop the loop
                malformed.append(_Delivery(record, None, error))
                continue
            if message is not None:
                deliveries.append(_Delivery(record, message))
        return deliveries, malformed

    async def _halve(self, deliveries: Sequence[_Delivery]) -> tuple[_Delivery, Exception] | None:
        """Apply in order up to the first message that cannot be applied; answer that one."""
        for attempt in range(_TRIES_OF_ONE if len(deliveries) == 1 else 1):
            try:
                await self._apply_all(deliveries)
            except Exception as error:  # noqa: BLE001 - a single message that keeps failing is the culprit
                failure: Exception = error
                await self._applier.time.sleep(0.01 * 2**attempt)
            else:
                return None
        if len(deliveries) == 1:
            return deliveries[0], failure
        half = len(deliveries) // 2
        return await self._halve(deliveries[:half]) or await self._halve(deliveries[half:])

    async def _apply_all(self, deliveries: Sequence[_Delivery]) -> None:
        readable = [(one.message, one.record) for one in deliveries if one.message is not None]
        await self.apply([message for message, _ in readable], {message.id: record for message, record in readable})

    def _stop(self, place: TopicPartition, record: Record, error: Exception, partitions: Partitions) -> None:
        if place not in partitions.assignment():
            return  # it became another member's meanwhile, and aiokafka seeks in no partition of others
        self._failures[place] += 1
        pause = min(2.0 ** self._failures[place], _LONGEST_PAUSE)
        reason = reason_of(error)
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
        self._resuming[place] = self._applier.time.call_later(pause, partial(self._resume, place, partitions))

    def given(self, places: Collection[TopicPartition]) -> None:
        """These belong to this member from now on."""
        self.assigned |= set(places)

    def revoked(self, places: Collection[TopicPartition]) -> None:
        """These belong to another member of the group now: where they stand, and why, is for that one to say."""
        self.assigned -= set(places)
        for place in places:
            self._failures.pop(place, None)
            self._first_failed.pop(place, None)
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
        self._first_failed.pop(place, None)
        if self.stopped.pop(place, None) is not None:
            consumer_stopped.add(-1, {"consumer": self.name})
            _log.info("a partition goes on", consumer=self.name, topic=place.topic, partition=place.partition)
