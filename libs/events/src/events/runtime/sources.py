"""What a projection is rebuilt from: the service's own log, or the inbox of its consumer. Read in windows.

A window is so many entries of the log, whoever they are for; only those that the projection handles leave the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Table,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime import cursors
from events.runtime.codec import Codec
from events.runtime.database import HotStatement, any_of
from events.runtime.messages import received
from events.runtime.projecting import Projection, StoreProjection, TopicProjection
from events.runtime.schema import Xid8, events, inbox
from events.runtime.store import STORED, Position, StoredEvent

END = Position(2**63 - 1, 2**63 - 1)
"""Beyond every entry."""


@dataclass(frozen=True, slots=True)
class Window:
    """Entries of a log that follow one another."""

    entries: int
    """How many, with those that the projection does not handle."""
    end: Position
    handled: Sequence[Any]
    """What the projection's `apply` takes."""


class Source(Protocol):
    """Where the events of one projection are kept."""

    async def count(self, conn: AsyncConnection) -> int:
        """How many entries it has."""

    async def position(self, conn: AsyncConnection) -> Position:
        """The entry up to which the live tables are made, while nobody changes them; END for all that is committed."""

    async def read(
        self, conn: AsyncConnection, after: Position, entries: int, *, until: Position = END, gated: bool = True
    ) -> Window:
        """The next window, at most up to `until`.

        `gated`: only what nothing can be put before any more. Without, everything that is committed: for when writers
        are held off.
        """

    async def follow_on(self, conn: AsyncConnection, position: Position) -> None:
        """Live tables that hold everything up to this entry are followed on from there."""

    async def hold(self, conn: AsyncConnection) -> None:
        """Keep others from following on until the transaction ends."""


def source_of(projection: Projection, codec: Codec) -> Source:
    """The source of a projection."""
    return _Store(projection, codec) if isinstance(projection, StoreProjection) else _Inbox(projection)


def _position(name: str) -> ColumnElement[Any]:
    return tuple_(bindparam(f"{name}_transaction_id", type_=Xid8), bindparam(f"{name}_sequence", type_=BigInteger))


def _between(after: Position, until: Position) -> dict[str, int]:
    return {
        "after_transaction_id": after.transaction_id,
        "after_sequence": after.sequence,
        "until_transaction_id": until.transaction_id,
        "until_sequence": until.sequence,
    }


class _Log:
    """Statements over a table that has the log's order."""

    def __init__(
        self, table: Table, ce_type: ColumnElement[Any], columns: Sequence[Any], *of: ColumnElement[bool]
    ) -> None:
        place = tuple_(table.c.transaction_id, table.c.sequence)
        between = (*of, place > _position("after"), place <= _position("until"))
        gate = table.c.transaction_id < func.pg_snapshot_xmin(func.pg_current_snapshot())

        def last(*also: ColumnElement[bool]) -> HotStatement:
            window = (
                select(table.c.transaction_id, table.c.sequence)
                .where(*between, *also)
                .order_by(table.c.transaction_id, table.c.sequence)
                .limit(bindparam("entries", type_=Integer))
                .subquery("window")
            )
            end = select(window, func.count().over()).order_by(window.c.transaction_id.desc(), window.c.sequence.desc())
            return HotStatement(end.limit(bindparam("one", type_=Integer)))

        self._last = {True: last(gate), False: last()}
        self._handled = HotStatement(
            select(*columns)
            .where(*between, ce_type == any_of("types", Text()))
            .order_by(table.c.transaction_id, table.c.sequence)
        )
        self._count = select(func.count()).select_from(table).where(*of)

    async def count(self, conn: AsyncConnection, **of: str) -> int:
        return await conn.scalar(self._count, of) or 0

    async def last(
        self, conn: AsyncConnection, after: Position, until: Position, entries: int, *, gated: bool, **of: str
    ) -> tuple[Position, int]:
        """End of the next window, and its size."""
        parameters = {**_between(after, until), "entries": entries, "one": 1, **of}
        rows = await self._last[gated].rows(conn, parameters)
        return (Position(rows[0][0], rows[0][1]), rows[0][2]) if rows else (after, 0)

    async def handled(
        self, conn: AsyncConnection, after: Position, until: Position, types: Sequence[str], **of: str
    ) -> Sequence[Sequence[Any]]:
        return await self._handled.rows(conn, {**_between(after, until), "types": types, **of})


_EVENTS = _Log(events, events.c.type, STORED)
_INBOX = _Log(
    inbox,
    inbox.c.headers.op("->>")(literal_column("'ce_type'")),
    (cast(inbox.c.headers, Text), cast(inbox.c.payload, Text)),
    inbox.c.consumer == bindparam("consumer", type_=Text),
)


class _Store:
    def __init__(self, projection: StoreProjection, codec: Codec) -> None:
        self._projection = projection
        self._codec = codec
        self._types = sorted(event_type.type for event_type in projection.handles)

    async def count(self, conn: AsyncConnection) -> int:
        return await _EVENTS.count(conn)

    async def position(self, conn: AsyncConnection) -> Position:
        return await cursors.peek(conn, self._projection.cursor)

    async def read(
        self,
        conn: AsyncConnection,
        after: Position,
        entries: int,
        *,
        until: Position = END,
        gated: bool = True,  # noqa: ARG002
    ) -> Window:
        # What stands up to a cursor is behind the gate already, and nothing else of the log is ever wanted.
        end, size = await _EVENTS.last(conn, after, until, entries, gated=True)
        rows = await _EVENTS.handled(conn, after, end, self._types) if size else ()
        return Window(size, end, await self._codec.recorded([StoredEvent(*row) for row in rows]))

    async def follow_on(self, conn: AsyncConnection, position: Position) -> None:
        await cursors.put(conn, self._projection.cursor, position)

    async def hold(self, conn: AsyncConnection) -> None:
        await cursors.hold(conn, self._projection.cursor)


class _Inbox:
    def __init__(self, projection: TopicProjection) -> None:
        self._consumer = projection.name
        self._types = sorted(event_type.type for event_type in projection.handles)

    async def count(self, conn: AsyncConnection) -> int:
        return await _INBOX.count(conn, consumer=self._consumer)

    async def position(self, conn: AsyncConnection) -> Position:  # noqa: ARG002 - a batch and its inbox rows are one
        return END

    async def read(
        self, conn: AsyncConnection, after: Position, entries: int, *, until: Position = END, gated: bool = True
    ) -> Window:
        of = {"consumer": self._consumer}
        end, size = await _INBOX.last(conn, after, until, entries, gated=gated, **of)
        rows = await _INBOX.handled(conn, after, end, self._types, **of) if size else ()
        return Window(size, end, [received(headers, payload) for headers, payload in rows])

    async def follow_on(self, conn: AsyncConnection, position: Position) -> None:
        """The broker knows where the consumer stands; its next batch finds the new tables."""

    async def hold(self, conn: AsyncConnection) -> None:
        """A batch changes the tables before it is taken in: who locks the tables holds it off."""
