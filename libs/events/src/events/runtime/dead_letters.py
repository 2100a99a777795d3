"""Messages that cannot be applied, with why: the key of each waits behind it, in order, while its partition goes on.

A dead letter keeps the record as it came, byte for byte. It ends when it is applied after all (`Consumer.retry`) or
given up (`Consumer.discard`); of one that was given up the id stays, so that a redelivery is known.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid5

from aiokafka import ConsumerRecord
from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from events.runtime.database import any_of, unnest
from events.runtime.inbox import nowhere_else
from events.runtime.messages import Message, as_uuid
from events.runtime.refusals import Refusal
from events.runtime.schema import dead_letters, inbox, waiting

_NO_ID = UUID("6f6f8a1c-9d0f-5c52-9d5e-1d2f6f6e6f64")
"""Namespace of ids for records that name none."""

_KEPT: dict[str, TypeEngine[Any]] = {
    "event_id": Uuid(),
    "key": Uuid(),
    "type": Text(),
    "topic": Text(),
    "partition": Integer(),
    "offset": BigInteger(),
    "headers": Text(),
    "value": LargeBinary(),
    "reason": Text(),
}
_BURIED = unnest("buried", position=BigInteger(), **_KEPT)
_BURY = (
    insert(dead_letters)
    .from_select(
        ["consumer", *_KEPT.keys(), "position"],
        select(
            bindparam("consumer", type_=Text),
            *(_BURIED.c[name] for name in _KEPT),
            func.coalesce(_BURIED.c.position, func.nextval("waiting_position_seq")),
        ).where(
            # Another member may have applied it meanwhile, or let it wait: this one was a zombie.
            *nowhere_else(_BURIED, inbox, waiting)
        ),
    )
    .on_conflict_do_nothing()
    .returning(dead_letters.c.event_id)
)

_OPEN = dead_letters.c.discarded_at.is_(None)
_BEHIND = (
    select(func.count())
    .where(
        waiting.c.consumer == dead_letters.c.consumer,
        waiting.c.key == dead_letters.c.key,
        waiting.c.position > func.coalesce(dead_letters.c.position, 0),
    )
    .scalar_subquery()
)
_LETTERS = select(*dead_letters.c, _BEHIND.label("behind"))


_EARLIER = dead_letters.alias("earlier")
_COMES_LATER = select(dead_letters.c.event_id).where(
    dead_letters.c.consumer == bindparam("consumer"),
    dead_letters.c.event_id == any_of("event_ids", Uuid()),
    or_(
        exists().where(
            _EARLIER.c.consumer == dead_letters.c.consumer,
            _EARLIER.c.key == dead_letters.c.key,
            _EARLIER.c.discarded_at.is_(None),
            func.coalesce(_EARLIER.c.position, 0) < func.coalesce(dead_letters.c.position, 0),
        ),
        exists().where(
            waiting.c.consumer == dead_letters.c.consumer,
            waiting.c.key == dead_letters.c.key,
            waiting.c.position < func.coalesce(dead_letters.c.position, 0),
        ),
    ),
)


class NoSuchDeadLetter(Refusal):
    """It was applied or discarded meanwhile, or never was."""

    slug: ClassVar[str] = "no-such-dead-letter"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "There is no such dead letter"


class StillDead(Refusal):
    """A dead letter was tried again and failed again."""

    slug: ClassVar[str] = "still-dead"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "It cannot be applied yet"


class NotItsTurn(Refusal):
    """A dead letter was to be applied before one of its key that came before it."""

    slug: ClassVar[str] = "not-its-turn"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "An earlier message of its key comes first"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message of one consumer that could not be applied."""

    consumer: str
    event_id: UUID
    """The event's id, or one made from its place in the topic where it names none."""
    key: UUID | None
    """The producer's stream. None where the record names none: then nothing waits behind it."""
    type: str | None
    topic: str
    partition: int | None
    offset: int | None
    """None, like `partition`, for a message that waited for its cause too long."""
    headers: tuple[tuple[str, bytes], ...]
    value: bytes
    reason: str
    tries: int
    failed_at: datetime
    position: int
    """Its place among all of its consumer that are dead or wait."""
    behind: int
    """Messages of its key that wait behind it."""


@dataclass(frozen=True, slots=True)
class Burial:
    """What becomes a dead letter."""

    event_id: UUID
    key: UUID | None
    type: str | None
    topic: str
    partition: int | None
    offset: int | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes
    reason: str
    position: int | None = None
    """The place that it had among what waits; None for one that comes behind all that do."""

    @classmethod
    def of_record(cls, record: "ConsumerRecord[bytes, bytes]", reason: str) -> "Burial":
        """A record as it came."""
        headers = [(name, value or b"") for name, value in record.headers]
        named = dict(headers)
        return cls(
            event_id=as_uuid(named.get("ce_id")) or uuid5(_NO_ID, f"{record.topic}/{record.partition}/{record.offset}"),
            key=as_uuid(named.get("ce_subject")) or as_uuid(record.key),
            type=named.get("ce_type", b"").decode(errors="replace").replace("\0", "") or None,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            headers=headers,
            value=record.value or b"",
            reason=reason,
        )

    @classmethod
    def of_message(cls, message: Message, reason: str, position: int) -> "Burial":
        """A message that waited."""
        headers = [(name, text.encode()) for name, text in json.loads(message.headers).items()]
        event = message.received.event
        value = message.payload.encode()
        return cls(message.id, message.key, event.type, event.topic(), None, None, headers, value, reason, position)


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters of one consumer."""

    consumer: str

    async def bury(self, conn: AsyncConnection, burials: Iterable[Burial]) -> int:
        """Keep these, unless they are known already. Answers how many are new."""
        columns: dict[str, list[Any]] = {
            name: [getattr(burial, name) for burial in burials] for name in (*_KEPT, "position")
        }
        columns["headers"] = [_written(burial.headers) for burial in burials]
        return len((await conn.execute(_BURY, {"consumer": self.consumer, **columns})).all())

    async def listed(self, conn: AsyncConnection, after: UUID | None, limit: int) -> list[DeadLetter]:
        """Open ones, by event id."""
        statement = _LETTERS.where(dead_letters.c.consumer == self.consumer, _OPEN)
        if after is not None:
            statement = statement.where(dead_letters.c.event_id > after)
        rows = await conn.execute(statement.order_by(dead_letters.c.event_id).limit(limit))
        return [_read(row) for row in rows]

    async def find(self, conn: AsyncConnection, event_id: UUID) -> DeadLetter:
        """An open one. Raises NoSuchDeadLetter."""
        statement = _LETTERS.where(dead_letters.c.consumer == self.consumer, dead_letters.c.event_id == event_id, _OPEN)
        row = (await conn.execute(statement)).one_or_none()
        if row is None:
            raise NoSuchDeadLetter
        return _read(row)

    async def come_first(self, conn: AsyncConnection, messages: Sequence[Message]) -> None:
        """Make sure that nothing of their keys came before them and is dead or waits. Raises NotItsTurn."""
        parameters = {"consumer": self.consumer, "event_ids": [message.id for message in messages]}
        if (await conn.execute(_COMES_LATER, parameters)).first() is not None:
            raise NotItsTurn

    async def applied(self, conn: AsyncConnection, event_ids: Sequence[UUID]) -> None:
        """They had their effect after all, in this transaction. Raises NoSuchDeadLetter."""
        statement = delete(dead_letters).where(
            dead_letters.c.consumer == self.consumer, dead_letters.c.event_id == any_of("event_ids", Uuid()), _OPEN
        )
        if (await conn.execute(statement, {"event_ids": list(event_ids)})).rowcount < len(event_ids):
            raise NoSuchDeadLetter

    async def failed_again(self, conn: AsyncConnection, event_id: UUID, reason: str) -> None:
        """Keep why the last try failed."""
        await conn.execute(
            update(dead_letters)
            .where(dead_letters.c.consumer == self.consumer, dead_letters.c.event_id == event_id, _OPEN)
            .values(tries=dead_letters.c.tries + 1, reason=reason, failed_at=func.clock_timestamp())
        )

    async def discard(self, conn: AsyncConnection, event_id: UUID, by: UUID) -> None:
        """Give it up: only its id stays, and who decided. Raises NoSuchDeadLetter."""
        statement = (
            update(dead_letters)
            .where(dead_letters.c.consumer == self.consumer, dead_letters.c.event_id == event_id, _OPEN)
            .values(discarded_at=func.clock_timestamp(), discarded_by=by, headers="[]", value=b"")
        )
        if (await conn.execute(statement)).rowcount == 0:
            raise NoSuchDeadLetter


async def counted(conn: AsyncConnection) -> dict[str, int]:
    """How many open ones each consumer of this database has."""
    statement = (
        select(dead_letters.c.consumer, func.count().label("number")).where(_OPEN).group_by(dead_letters.c.consumer)
    )
    return {row.consumer: row.number for row in await conn.execute(statement)}


def _written(headers: Iterable[tuple[str, bytes]]) -> str:
    """As JSON in a column of text: neither names nor values need be what PostgreSQL's JSON can hold."""
    return json.dumps([[name, base64.b64encode(value).decode()] for name, value in headers])


def _read(row: Any) -> DeadLetter:  # noqa: ANN401 - SQLAlchemy's rows are dynamic
    return DeadLetter(
        consumer=row.consumer,
        event_id=row.event_id,
        key=row.key,
        type=row.type,
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        headers=tuple((name, base64.b64decode(value)) for name, value in json.loads(row.headers)),
        value=row.value,
        reason=row.reason,
        tries=row.tries,
        failed_at=row.failed_at,
        position=row.position or 0,
        behind=row.behind,
    )
