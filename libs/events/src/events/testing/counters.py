"""A small domain for the runtime's tests: counters that are increased, and transfers between two of them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from events.runtime.codec import Codec
from events.runtime.database import create_pool
from events.runtime.deciding import fold
from events.runtime.encryption import FileKeyWrapper, Keyring
from events.runtime.group_commit import GroupCommit
from events.runtime.private_events import Event, EventTypes, Personal
from events.runtime.refusals import Refusal
from events.runtime.schema import metadata
from events.runtime.streams import Appends, Category, Command, Streams

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


class Increased(Event):
    """A counter went up, or down by a negative number."""

    type: ClassVar[str] = "Increased"
    by: int
    text: str = ""


class Noted(Event):
    """Somebody wrote a note, which is personal."""

    type: ClassVar[str] = "Noted"
    author: UUID
    note: Annotated[str | None, Personal("author")] = None


class TooMuch(Refusal):
    """The limit would be passed."""

    slug, status, title = "too-much", 409, "The counter may not go that high"


@dataclass(frozen=True, slots=True)
class Counter:
    """State of one counter."""

    value: int = 0
    notes: tuple[str | None, ...] = ()


def evolve(counter: Counter, event: Event) -> Counter:
    """Fold one event."""
    match event:
        case Increased():
            return replace(counter, value=counter.value + event.by)
        case Noted():
            return replace(counter, notes=(*counter.notes, event.note))
    return counter


COUNTER = Category("counter", Counter(), evolve)
TYPES = EventTypes([Increased, Noted])


def increase(
    counter: UUID, by: int = 1, *, limit: int | None = None, text: str = "", expected: int | None = None
) -> Command:
    """Add to one counter; refuses to pass `limit`."""
    stream = COUNTER.stream(counter)

    def decide(streams: Streams) -> Appends:
        if limit is not None and streams[stream].value + by > limit:
            raise TooMuch
        return [(stream, Increased(by=by, text=text))]

    return Command((stream,), decide, NOW, expected={} if expected is None else {counter: expected})


def transfer(giver: UUID, taker: UUID, by: int = 1) -> Command:
    """Move from one counter to another, in one decision."""
    one, other = COUNTER.stream(giver), COUNTER.stream(taker)
    return Command((one, other), lambda _: [(one, Increased(by=-by)), (other, Increased(by=by))], NOW)


@dataclass(slots=True)
class Database:
    """A migrated database, and what the runtime makes of it."""

    url: str
    pool: AsyncEngine
    codec: Codec
    commands: GroupCommit

    async def counter(self, counter: UUID) -> Counter:
        """Current state of one counter."""
        stream = COUNTER.stream(counter)
        async with self.pool.connect() as conn:
            return (await fold(conn, self.codec, [stream]))[stream]


@asynccontextmanager
async def open_database(database_url: str) -> AsyncIterator[Database]:
    """Make the runtime's tables in an empty database."""
    pool = create_pool(database_url, name="test", size=8)
    keys = create_pool(database_url, name="test keys", size=2)
    async with pool.begin() as conn:
        await conn.run_sync(metadata.create_all)
    codec = Codec(TYPES, Keyring(keys, FileKeyWrapper(os.urandom(32))))
    commands = GroupCommit(pool, codec)
    yield Database(database_url, pool, codec, commands)
    await commands.close()
    await pool.dispose()
    await keys.dispose()
