"""Messages that wait for their cause, or behind one of their key, in the tables: how few to look at, in what order.

Nothing here costs more when more waits: every statement is given keys or causes, or goes on from the last key it saw.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Interval,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import any_of, unnest, unnest_in_order
from events.runtime.inbox import OvertakenByAMember, all_of, nowhere_else
from events.runtime.messages import Message, restore
from events.runtime.schema import Xid8, dead_letters, events, inbox, waiting

_STREAMS_A_LOOK = 5_000

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
_UNPARK = (
    delete(waiting)
    .where(waiting.c.consumer == bindparam("consumer"), waiting.c.event_id == any_of("event_ids", Uuid()))
    .returning(waiting.c.event_id, waiting.c.position)
)
_FORGET_APPLIED = delete(waiting).where(
    waiting.c.consumer == bindparam("consumer"),
    waiting.c.event_id == any_of("event_ids", Uuid()),
    exists().where(inbox.c.consumer == waiting.c.consumer, inbox.c.event_id == waiting.c.event_id),
)

# Not by the names of the columns: those are parameters of what an update sets.
_AGAIN = unnest("again", message=Uuid(), missing=Uuid())
_WAIT_AGAIN = (
    update(waiting)
    .where(waiting.c.consumer == bindparam("waits_for"), waiting.c.event_id == _AGAIN.c.message)
    .values(cause=_AGAIN.c.missing)
)

_OF_CONSUMER = waiting.c.consumer == bindparam("consumer", type_=Text)
_KEYS = unnest("keys", key=Uuid())


_FIRST = (
    select(waiting.c.event_id, waiting.c.cause, waiting.c.since, waiting.c.position)
    .where(_OF_CONSUMER, waiting.c.key == _KEYS.c.key)
    .order_by(waiting.c.position)
    .limit(1)
    .correlate(_KEYS)
    .lateral("first")
)
_HAS_COME = exists().where(events.c.stream_id == _FIRST.c.cause)
_NOTHING_DEAD_BEFORE = ~exists().where(
    dead_letters.c.consumer == waiting.c.consumer,
    dead_letters.c.key == waiting.c.key,
    dead_letters.c.discarded_at.is_(None),
    func.coalesce(dead_letters.c.position, 0) < waiting.c.position,
)
_FREE = (
    select(waiting.c.position, cast(waiting.c.headers, Text), cast(waiting.c.payload, Text))
    .where(_OF_CONSUMER, waiting.c.key == _KEYS.c.key, _NOTHING_DEAD_BEFORE)
    .order_by(waiting.c.position)
    .limit(bindparam("each", type_=BigInteger))
    .correlate(_KEYS)
    .lateral("free")
)
_RELEASED = (
    select(_FREE.c.headers, _FREE.c.payload)
    .select_from(_KEYS.join(_FIRST, true()).join(_FREE, true()))
    # A key whose first message has no cause was joined by one after the messages before it were released.
    .where(or_(_FIRST.c.cause.is_(None), _HAS_COME))
    .order_by(_FREE.c.position)
)
_OVERDUE = (
    select(cast(waiting.c.headers, Text), cast(waiting.c.payload, Text))
    .select_from(_KEYS.join(_FIRST, true()).join(waiting, waiting.c.event_id == _FIRST.c.event_id))
    .where(
        _OF_CONSUMER,
        _FIRST.c.cause.is_not(None),
        _FIRST.c.since < func.clock_timestamp() - bindparam("longest", type_=Interval),
        ~_HAS_COME,
        _NOTHING_DEAD_BEFORE,
    )
)


def _keys_after() -> Select[tuple[UUID]]:
    """One probe of the index a key, however much waits under each."""
    next_key = select(waiting.c.key).where(_OF_CONSUMER).order_by(waiting.c.key).limit(1)
    first = next_key.where(waiting.c.key > bindparam("after", type_=Uuid())).subquery("first")
    walk = select(first.c.key).cte("walk", recursive=True)
    step = select(next_key.where(waiting.c.key > walk.c.key).scalar_subquery()).where(walk.c.key.is_not(None))
    walk = walk.union_all(step)
    return select(walk.c.key).where(walk.c.key.is_not(None)).limit(bindparam("limit", type_=BigInteger))


_KEYS_AFTER = _keys_after()
_BESIDES = unnest("besides", key=Uuid())
_BEHIND = (
    select(waiting.c.key)
    .where(_OF_CONSUMER, waiting.c.cause == any_of("causes", Uuid()))
    .where(~exists().where(_BESIDES.c.key == waiting.c.key))
    .limit(bindparam("limit", type_=BigInteger))
)
_NOW = select(func.pg_snapshot_xmin(func.pg_current_snapshot(), type_=Xid8))
_BEGUN = (
    select(events.c.stream_id)
    .where(events.c.transaction_id >= bindparam("since", type_=Xid8), events.c.stream_version == 1)
    .order_by(events.c.transaction_id, events.c.sequence)
    .limit(_STREAMS_A_LOOK)
)


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that waits: for the stream `cause`, or (None) behind an earlier message of its key."""

    message: Message
    cause: UUID | None


class Begun(NamedTuple):
    """Streams that have their first event since an earlier look, and what to ask with the next time."""

    streams: Sequence[UUID]
    until: int


@dataclass(frozen=True, slots=True)
class ParkedMessages:
    """What waits for one consumer."""

    consumer: str

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
            all_of(parked, waits)

    async def unpark(self, conn: AsyncConnection, messages: Sequence[Message]) -> dict[UUID, int]:
        """Forget that these wait. Answers the places that they had."""
        if not messages:
            return {}
        ids = [message.id for message in messages]
        gone = await conn.execute(_UNPARK, {"consumer": self.consumer, "event_ids": ids})
        places = {row.event_id: row.position for row in gone}
        if len(places) < len(messages):
            raise OvertakenByAMember
        return places

    async def forget_applied(self, conn: AsyncConnection, messages: Sequence[Message]) -> None:
        """What another member applied while this one let it wait, waits no longer."""
        ids = [message.id for message in messages]
        await conn.execute(_FORGET_APPLIED, {"consumer": self.consumer, "event_ids": ids})

    async def wait_again(self, conn: AsyncConnection, parked: Sequence[Parked]) -> None:
        """Released messages that turn out to miss another cause stay in their place and wait for that one."""
        if parked:
            await conn.execute(
                _WAIT_AGAIN,
                {
                    "waits_for": self.consumer,
                    "message": [entry.message.id for entry in parked],
                    "missing": [entry.cause for entry in parked],
                },
            )

    async def keys_after(self, conn: AsyncConnection, after: UUID, limit: int) -> list[UUID]:
        """Keys under which something waits, in their order."""
        return list(await conn.scalars(_KEYS_AFTER, {"consumer": self.consumer, "after": after, "limit": limit}))

    async def keys_behind(
        self, conn: AsyncConnection, causes: Collection[UUID], limit: int, *, besides: Collection[UUID] = ()
    ) -> list[UUID]:
        """Keys under which something waits for one of these causes, up to `limit` messages of them."""
        parameters = {"consumer": self.consumer, "causes": list(causes), "limit": limit, "key": list(besides)}
        return list(dict.fromkeys(await conn.scalars(_BEHIND, parameters)))

    async def released(self, conn: AsyncConnection, keys: Collection[UUID], each: int) -> list[Message]:
        """Up to `each` messages of every key whose first one need wait no longer, in order."""
        rows = await conn.execute(_RELEASED, {"consumer": self.consumer, "key": list(keys), "each": each})
        return [restore(headers, payload) for headers, payload in rows]

    async def overdue(self, conn: AsyncConnection, keys: Collection[UUID], longest: timedelta) -> list[Message]:
        """Of these keys' first messages those whose own cause has not come for longer than this."""
        rows = await conn.execute(_OVERDUE, {"consumer": self.consumer, "key": list(keys), "longest": longest})
        return [restore(headers, payload) for headers, payload in rows]


async def begun(conn: AsyncConnection, since: int | None) -> Begun:
    """Streams that began since an earlier look: every transaction it could not see yet has that id or a later one.

    A busy log may hold more than a look takes; the others are found when their keys' turn comes.
    """
    until = (await conn.execute(_NOW)).scalar_one()
    if since is None:
        return Begun((), until)
    return Begun((await conn.scalars(_BEGUN, {"since": since})).all(), until)
