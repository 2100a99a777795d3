"""Messages and their effects in one transaction, effects first and inbox rows last; offsets are the caller's."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from enum import Enum
from time import perf_counter
from typing import TypeAlias
from uuid import UUID

import structlog
from aiokafka import ConsumerRecord
from opentelemetry.trace import Link, SpanKind
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.runtime.database import is_transient
from events.runtime.dead_letters import DeadLetters, StillDead
from events.runtime.effects import Effect, Effects, RaceLost
from events.runtime.failures import raced_at_the_inbox
from events.runtime.inbox import Inbox
from events.runtime.logs import named
from events.runtime.machine_time import MachineTime
from events.runtime.message_spans import MessageSpan
from events.runtime.messages import Message
from events.runtime.parked import Parked, ParkedMessages
from events.runtime.telemetry import (
    batch_span,
    consumed_messages,
    context_of,
    inbox_duplicates,
    process_duration,
    server_of,
    traceparent_of,
    waiting_for_cause,
)

_log = structlog.get_logger(__name__)

_SHORTEST_PAUSE = 0.02
_LONGEST_PAUSE = 30.0

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class Source(Enum):
    """Where messages to apply come from, and so what becomes of them in the tables."""

    TOPIC = "topic"
    WAITING = "waiting"
    GRAVE = "grave"


class Applier:
    """Applies messages of one consumer."""

    def __init__(
        self, name: str, group: str, pool: AsyncEngine, effects: Effects, time: MachineTime, *, bootstrap_servers: str
    ) -> None:
        self.name = name
        self.group = group
        self.pool = pool
        self.effects = effects
        self.time = time
        self._bootstrap_servers = bootstrap_servers
        self.inbox = Inbox(name)
        self.parked = ParkedMessages(name)
        self.dead = DeadLetters(name)
        self.applied_at = float("-inf")
        """When a message last had its effect, in machine time."""
        self.failed_at = float("-inf")
        """When something last failed: what is tried again does not stand still."""
        self.parkings = 0
        """How often something was made to wait."""
        self.parked_keys: set[UUID] = set()
        """Keys under which something was made to wait, until somebody looks."""

    async def apply(self, messages: Sequence[Message], records: Mapping[UUID, Record] | None = None) -> None:
        """Apply messages in as many transactions as races ask for; wait out a database that is away.

        `records` are the deliveries behind the messages, for their spans. Raises what will not pass by itself.
        """
        pause = _SHORTEST_PAUSE
        while messages:
            try:
                messages = (await self.once(messages, records)).lost
            except RaceLost:
                if len(messages) > 1:
                    for message in messages:
                        await self.apply([message], records)
                    return
            except Exception as error:
                if not is_transient(error) and not raced_at_the_inbox(error):
                    raise
                _log.warning("the batch is done again", consumer=self.name, error=named(error))
            else:
                continue
            await self.time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def once(
        self,
        messages: Sequence[Message],
        records: Mapping[UUID, Record] | None = None,
        *,
        source: Source = Source.TOPIC,
    ) -> Effect:
        """Apply messages once, with their inbox rows. Raises StillDead and NotItsTurn for dead letters."""
        started = perf_counter()
        processing: list[MessageSpan] = []
        todo: Sequence[Message] = messages
        parked: Sequence[Parked] = ()
        with ExitStack() as spans:
            try:
                async with self.pool.begin() as conn:
                    if source is Source.TOPIC:
                        todo, parked = await self._new(conn, messages)
                    elif source is Source.GRAVE:
                        await self.dead.come_first(conn, messages)
                    spans.enter_context(
                        batch_span(f"process {self.group}", [context_of(m.received.traceparent) for m in todo])
                    )
                    processing += [self._span(message, (records or {}).get(message.id)) for message in todo]
                    effect = await self._effect(conn, todo, processing)
                    await self._settle(conn, source, effect, parked)
            except BaseException as error:
                self.failed_at = self.time.now()
                for span in processing:
                    span.end(error)
                raise
            for span in processing:
                span.end()
        self._committed(source, effect, parked, perf_counter() - started)
        return effect

    async def _settle(self, conn: AsyncConnection, source: Source, effect: Effect, parked: Sequence[Parked]) -> None:
        """Write down what became of the messages, after their effects."""
        match source:
            case Source.TOPIC:
                await self.parked.park(conn, [*effect.parked, *parked])
            case Source.WAITING:
                await self.parked.unpark(conn, effect.applied)
                await self.parked.wait_again(conn, effect.parked)
            case Source.GRAVE:
                if effect.lost:
                    raise RaceLost
                if effect.parked:
                    raise StillDead("The event that caused it has not arrived")
                await self.dead.applied(conn, [message.id for message in effect.applied])
        await self.inbox.take_in(conn, effect.applied)

    def _committed(self, source: Source, effect: Effect, behind: Sequence[Parked], seconds: float) -> None:
        if effect.applied:
            self.applied_at = self.time.now()
            self.effects.applied()
        if effect.parked or behind:
            self.parkings += 1
            self.parked_keys.update(parked.message.key for parked in (*effect.parked, *behind))
        labels = {"messaging.system": "kafka", "messaging.consumer.group.name": self.group}
        consumed_messages.add(len(effect.applied), labels)
        process_duration.record(seconds, labels)
        waits = {Source.TOPIC: len(effect.parked) + len(behind), Source.WAITING: -len(effect.applied), Source.GRAVE: 0}
        waiting_for_cause.add(waits[source], {"consumer": self.name})

    async def _effect(
        self, conn: AsyncConnection, todo: Sequence[Message], processing: Sequence[MessageSpan]
    ) -> Effect:
        if not todo:
            return Effect(applied=())
        return await self.effects.apply(conn, todo, [traceparent_of(span.context) for span in processing])

    async def _new(self, conn: AsyncConnection, messages: Sequence[Message]) -> tuple[list[Message], list[Parked]]:
        """Messages to apply now, and those that must wait behind others of their key. Known ones are dropped."""
        seen, keys = await self.inbox.known(conn, messages)
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
                **server_of(self._bootstrap_servers),
            }
            if record is not None:
                found["messaging.destination.partition.id"] = str(record.partition)
                found["messaging.kafka.offset"] = record.offset
            return found

        links = [Link(sender)] if sender.is_valid else []
        return MessageSpan(f"process {topic}", SpanKind.CONSUMER, sender, links, attributes)

    async def undisturbed(self, work: Callable[[AsyncConnection], Awaitable[object]]) -> None:
        """Do it in a transaction, again and again while the database is away."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                async with self.pool.begin() as conn:
                    await work(conn)
            except Exception as error:
                if not is_transient(error):
                    raise
                self.failed_at = self.time.now()
                _log.warning("the database failed; again", consumer=self.name, error=named(error))
                await self.time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return
