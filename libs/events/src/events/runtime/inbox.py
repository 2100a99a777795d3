"""What a consumer has taken in, and what waits for its cause. Every delivery of an event has one effect.

Inbox rows keep headers and payload, and their place in the log of this database, so that a projection over other
services' events can be rebuilt from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    FromClause,
    Interval,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import any_of, unnest, unnest_in_order
from events.runtime.messages import Message, restore
from events.runtime.schema import dead_letters, events, inbox, waiting

_OF_CONSUMER = waiting.c.consumer == bindparam("consumer")
_KNOWN = union_all(
    *(
        select(table.c.event_id, cast(null(), Uuid).label("key")).where(
            table.c.consumer == bindparam("consumer"), table.c.event_id == any_of("event_ids", Uuid())
        )
        for table in (inbox, waiting, dead_letters)
    ),
    *(
        select(cast(null(), Uuid), table.c.key)
        .where(table.c.consumer == bindparam("consumer"), table.c.key == any_of("keys", Uuid()), *still)
        .distinct()
        for table, still in ((waiting, ()), (dead_letters, (dead_letters.c.discarded_at.is_(None),)))
    ),
)
_ANYTHING_WAITS = select(exists().where(_OF_CONSUMER))


class OvertakenByAMember(Exception):
    """Another member of the group settled some of these messages after this one had looked: it is a zombie, or was."""


def nowhere_else(messages: FromClause, *tables: Table) -> list[ColumnElement[bool]]:
    """Conditions by which a message is in one table of a consumer, whoever writes meanwhile."""
    return [
        ~exists().where(table.c.consumer == bindparam("consumer"), table.c.event_id == messages.c.event_id)
        for table in tables
    ]


_TAKEN = unnest_in_order("taken", event_id=Uuid(), headers=Text(), payload=Text())
_TAKE_IN = insert(inbox).from_select(
    ["consumer", "event_id", "headers", "payload"],
    select(
        bindparam("consumer", type_=Text),
        _TAKEN.c.event_id,
        cast(_TAKEN.c.headers, JSONB),
        cast(_TAKEN.c.payload, JSONB),
    )
    .where(*nowhere_else(_TAKEN, waiting, dead_letters))
    .order_by(_TAKEN.c.place),
)

_PARKED = unnest_in_order("parked", event_id=Uuid(), key=Uuid(), cause=Uuid(), headers=Text(), payload=Text())
_PARK = insert(waiting).from_select(
    ["consumer", "event_id", "key", "cause", "headers", "payload"],
    select(
        bindparam("consumer", type_=Text),
        _PARKED.c.event_id,
        _PARKED.c.key,
        _PARKED.c.cause,
        cast(_PARKED.c.headers, JSONB),
        cast(_PARKED.c.payload, JSONB),
    )
    .where(*nowhere_else(_PARKED, inbox, dead_letters))
    .order_by(_PARKED.c.place),
)
_UNPARK = delete(waiting).where(
    waiting.c.consumer == bindparam("consumer"), waiting.c.event_id == any_of("event_ids", Uuid())
)

_FORGET_APPLIED = delete(waiting).where(
    waiting.c.consumer == bindparam("consumer"),
    exists().where(inbox.c.consumer == waiting.c.consumer, inbox.c.event_id == waiting.c.event_id),
)

# An update takes parameters named like its columns for new values.
_AGAIN = unnest("again", released=Uuid(), misses=Uuid())
_WAIT_AGAIN = (
    update(waiting)
    .where(waiting.c.consumer == bindparam("waits_for"), waiting.c.event_id == _AGAIN.c.released)
    .values(cause=_AGAIN.c.misses)
)

_FIRST = (
    select(waiting.c.key, waiting.c.cause, waiting.c.event_id)
    .where(waiting.c.consumer == bindparam("consumer"))
    .ext(distinct_on(waiting.c.key))
    .order_by(waiting.c.key, waiting.c.position)
    .subquery("first")
)
_RELEASED = (
    select(cast(waiting.c.headers, Text), cast(waiting.c.payload, Text))
    .join(_FIRST, _FIRST.c.key == waiting.c.key)
    .where(
        waiting.c.consumer == bindparam("consumer"),
        # A key whose first message has no cause was joined by one after the messages before it were released.
        or_(_FIRST.c.cause.is_(None), exists().where(events.c.stream_id == _FIRST.c.cause)),
        ~exists().where(
            dead_letters.c.consumer == waiting.c.consumer,
            dead_letters.c.key == waiting.c.key,
            dead_letters.c.discarded_at.is_(None),
        ),
    )
    .order_by(waiting.c.position)
    .limit(500)
)


_OVERDUE = (
    select(cast(waiting.c.headers, Text), cast(waiting.c.payload, Text))
    .join(_FIRST, _FIRST.c.event_id == waiting.c.event_id)
    .where(
        _OF_CONSUMER,
        _FIRST.c.cause.is_not(None),
        waiting.c.since < func.clock_timestamp() - bindparam("longest", type_=Interval),
    )
    .limit(500)
)


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that waits: for the stream `cause`, or (None) behind an earlier message of its key."""

    message: Message
    cause: UUID | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox of one consumer."""

    consumer: str

    async def known(self, conn: AsyncConnection, messages: Sequence[Message]) -> tuple[set[UUID], set[UUID]]:
        """Ids that were taken in, wait or are dead already; keys of these messages behind which they must wait."""
        found = await conn.execute(
            _KNOWN,
            {
                "consumer": self.consumer,
                "event_ids": [message.id for message in messages],
                "keys": list({message.key for message in messages}),
            },
        )
        ids: set[UUID] = set()
        keys: set[UUID] = set()
        for event_id, key in found:
            if key is None:
                ids.add(event_id)
            else:
                keys.add(key)
        return ids, keys

    async def anything_waits(self, conn: AsyncConnection) -> bool:
        """Whether any message of this consumer waits for its cause."""
        return bool(await conn.scalar(_ANYTHING_WAITS, {"consumer": self.consumer}))

    async def take_in(self, conn: AsyncConnection, messages: Sequence[Message]) -> None:
        """Record the messages, after their effects. After a zombie's race it fails, and undoes all."""
        if messages:
            taken = await conn.execute(
                _TAKE_IN,
                {
                    "consumer": self.consumer,
                    "event_id": [message.id for message in messages],
                    "headers": [message.headers for message in messages],
                    "payload": [message.payload for message in messages],
                },
            )
            _all_of(messages, taken)

    async def park(self, conn: AsyncConnection, parked: Sequence[Parked]) -> None:
        """Let messages wait, in this order within their keys."""
        if parked:
            waits = await conn.execute(
                _PARK,
                {
                    "consumer": self.consumer,
                    "event_id": [entry.message.id for entry in parked],
                    "key": [entry.message.key for entry in parked],
                    "cause": [entry.cause for entry in parked],
                    "headers": [entry.message.headers for entry in parked],
                    "payload": [entry.message.payload for entry in parked],
                },
            )
            _all_of(parked, waits)

    async def released(self, conn: AsyncConnection) -> list[Message]:
        """Messages of the keys whose first message need wait no longer, in order."""
        rows = await conn.execute(_RELEASED, {"consumer": self.consumer})
        return [restore(headers, payload) for headers, payload in rows]

    async def overdue(self, conn: AsyncConnection, longest: timedelta) -> list[Message]:
        """Messages whose own cause has not come for longer than this."""
        rows = await conn.execute(_OVERDUE, {"consumer": self.consumer, "longest": longest})
        return [restore(headers, payload) for headers, payload in rows]

    async def unpark(self, conn: AsyncConnection, messages: Sequence[Message]) -> None:
        """Forget that these wait."""
        if messages:
            ids = [message.id for message in messages]
            _all_of(messages, await conn.execute(_UNPARK, {"consumer": self.consumer, "event_ids": ids}))

    async def forget_applied(self, conn: AsyncConnection) -> None:
        """What another member applied while this one let it wait, waits no longer."""
        await conn.execute(_FORGET_APPLIED, {"consumer": self.consumer})

    async def wait_again(self, conn: AsyncConnection, parked: Sequence[Parked]) -> None:
        """Released messages that turn out to miss another cause stay in their place and wait for that one."""
        if parked:
            await conn.execute(
                _WAIT_AGAIN,
                {
                    "waits_for": self.consumer,
                    "released": [entry.message.id for entry in parked],
                    "misses": [entry.cause for entry in parked],
                },
            )


def _all_of(messages: Sequence[object], written: CursorResult[Any]) -> None:
    if written.rowcount < len(messages):
        raise OvertakenByAMember
