"""What a consumer has taken in. Every delivery of an event has one effect.

Inbox rows keep headers and payload, and their place in the log of this database, so that a projection over other
services' events can be rebuilt from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    FromClause,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    literal,
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import any_of, unnest, unnest_in_order
from events.runtime.messages import Message
from events.runtime.schema import dead_letters, inbox, waiting

_KEYS = unnest("keys", key=Uuid())
_KNOWN = union_all(
    *(
        select(table.c.event_id, cast(null(), Uuid).label("key")).where(
            table.c.consumer == bindparam("consumer"), table.c.event_id == any_of("event_ids", Uuid())
        )
        for table in (inbox, waiting, dead_letters)
    ),
    *(
        # The first of a key is enough to know, and there may be a million: hence one probe of the index a key.
        select(cast(null(), Uuid), _KEYS.c.key).select_from(
            _KEYS.join(
                select(literal(1).label("found"))
                .where(table.c.consumer == bindparam("consumer"), table.c.key == _KEYS.c.key, *still)
                .limit(1)
                .lateral(),
                true(),
            )
        )
        for table, still in ((waiting, ()), (dead_letters, (dead_letters.c.discarded_at.is_(None),)))
    ),
)
_WAITING = select(func.count()).select_from(waiting).where(waiting.c.consumer == bindparam("consumer"))


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
                "key": list({message.key for message in messages}),
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

    async def waiting(self, conn: AsyncConnection) -> int:
        """How many messages of this consumer wait."""
        return await conn.scalar(_WAITING, {"consumer": self.consumer}) or 0

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
            all_of(messages, taken)


def all_of(messages: Sequence[object], written: CursorResult[Any]) -> None:
    """Make sure that every message was written. Raises OvertakenByAMember."""
    if written.rowcount < len(messages):
        raise OvertakenByAMember
