"""Mistakes to plant in relay, inbox and consumers: a checker that is right finds each."""

from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, Integer, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime import cursors, store
from events.runtime.inbox import Inbox
from events.runtime.messages import Message
from events.runtime.parked import ParkedMessages
from events.runtime.relay import Relay
from events.runtime.schema import Xid8, events, inbox
from events.runtime.store import LogEntry
from events.testing.simulated_kafka import Record, SimulatedMember


def inbox_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    """What was applied already is applied again."""
    known, take_in = Inbox.known, Inbox.take_in

    async def without_applied(
        self: Inbox, conn: AsyncConnection, messages: Sequence[Message]
    ) -> tuple[set[UUID], set[UUID]]:
        ids, keys = await known(self, conn, messages)
        return ids - set(await conn.scalars(select(inbox.c.event_id))), keys

    async def take_in_what_is_new(self: Inbox, conn: AsyncConnection, messages: Sequence[Message]) -> None:
        there = set(await conn.scalars(select(inbox.c.event_id)))
        await take_in(self, conn, [message for message in messages if message.id not in there])

    patch.setattr(Inbox, "known", without_applied)
    patch.setattr(Inbox, "take_in", take_in_what_is_new)


def log_is_read_by_sequence(patch: pytest.MonkeyPatch) -> None:
    """Without the gate, what commits late is skipped."""
    statement = (
        select(events.c.transaction_id, events.c.sequence, *store.STORED)
        .where(
            events.c.sequence > bindparam("sequence", type_=BigInteger),
            func.coalesce(bindparam("transaction_id", type_=Xid8), events.c.transaction_id).is_not(None),
        )
        .order_by(events.c.sequence)
        .limit(bindparam("page", type_=Integer))
    )
    patch.setattr("events.runtime.store._LOG", statement)


def acknowledged_first(patch: pytest.MonkeyPatch) -> None:
    """Offsets are committed before anything is applied."""
    poll = SimulatedMember.poll

    def poll_and_commit(self: SimulatedMember, most: int) -> list[Record]:
        records = poll(self, most)
        self.commit()
        return records

    patch.setattr(SimulatedMember, "poll", poll_and_commit)


def keys_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    """A message does not wait behind what waits, or is dead, of its key."""
    known = Inbox.known

    async def without_keys(
        self: Inbox, conn: AsyncConnection, messages: Sequence[Message]
    ) -> tuple[set[UUID], set[UUID]]:
        return (await known(self, conn, messages))[0], set()

    patch.setattr(Inbox, "known", without_keys)


def cursor_moves_first(patch: pytest.MonkeyPatch) -> None:
    """The relay moves its cursor, and then sends."""
    move = cursors.move
    send_and_read_on: Any = vars(Relay)["_send_and_read_on"]

    async def move_and_send(self: Relay, conn: AsyncConnection, entries: Sequence[LogEntry]) -> object:
        await move(conn, self.cursor, await cursors.read(conn, self.cursor), entries[-1].position)
        return await send_and_read_on(self, conn, entries)

    async def moved_already(*_: object) -> bool:
        return True

    patch.setattr(Relay, "_send_and_read_on", move_and_send)
    patch.setattr(cursors, "move", moved_already)


def released_backwards(patch: pytest.MonkeyPatch) -> None:
    """What waited is released in another order than it came."""
    released = ParkedMessages.released

    async def backwards(
        self: ParkedMessages, conn: AsyncConnection, keys: Collection[UUID], each: int
    ) -> list[Message]:
        return (await released(self, conn, keys, each))[::-1]

    patch.setattr(ParkedMessages, "released", backwards)


MISTAKES: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    inbox_is_not_asked,
    log_is_read_by_sequence,
    acknowledged_first,
    keys_do_not_wait,
    cursor_moves_first,
    released_backwards,
)
