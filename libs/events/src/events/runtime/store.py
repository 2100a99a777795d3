"""The event store, on sets: load many streams, append many in one statement, read the log behind its gate.

One function appends, and it must be the first write of its transaction: the transaction id orders the log, and an id
taken earlier could put version 2 of a stream before version 1.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    null,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import HotStatement, any_of, unnest
from events.runtime.schema import Xid8, events


class Position(NamedTuple):
    """A place in the log."""

    transaction_id: int
    sequence: int


BEGINNING = Position(0, 0)


class Shard(NamedTuple):
    """A share of the log: the streams whose hash, divided by `of`, leaves `number`. A stream is always in one."""

    number: int
    of: int


WHOLE = Shard(0, 1)


class StoredEvent(NamedTuple):
    """A row to append: JSON as text, personal fields sealed already."""

    event_id: UUID
    stream_id: UUID
    stream_version: int
    type: str
    schema_version: int
    data: str
    metadata: str


class LogEntry(NamedTuple):
    """A row of the log."""

    position: Position
    stored: StoredEvent


class NotFirstWrite(RuntimeError):
    """Something wrote before the append in this transaction. A mistake in the code; nothing was appended."""


STORED = (
    events.c.event_id,
    events.c.stream_id,
    events.c.stream_version,
    events.c.type,
    events.c.schema_version,
    cast(events.c.data, Text).label("data"),
    cast(events.c.metadata, Text).label("metadata"),
)
"""Columns of a StoredEvent."""

_LOAD = HotStatement(
    select(*STORED)
    .where(events.c.stream_id == any_of("streams", Uuid()))
    .order_by(events.c.stream_id, events.c.stream_version)
)

_BY_ID = select(events.c.event_id).where(events.c.event_id == any_of("event_ids", Uuid()))


def _append_statement() -> Any:  # noqa: ANN401 - a compound select over data-modifying CTEs has no useful static type
    rows = unnest(
        "rows",
        event_id=Uuid(),
        stream_id=Uuid(),
        stream_version=Integer(),
        type=Text(),
        schema_version=Integer(),
        data=Text(),
        metadata=Text(),
        is_head=Boolean(),
    )
    columns = ["event_id", "stream_id", "stream_version", "type", "schema_version", "data", "metadata"]
    values = (
        rows.c.event_id,
        rows.c.stream_id,
        rows.c.stream_version,
        rows.c.type,
        rows.c.schema_version,
        cast(rows.c.data, JSONB),
        cast(rows.c.metadata, JSONB),
    )
    # Asked before the first insert takes an id: NULL means that this transaction has written nothing yet.
    first = select(func.pg_current_xact_id_if_assigned().is_(None).label("ok")).cte("first_write")
    head = (
        insert(events)
        .from_select(
            columns,
            # Sorted, two appends never lock in opposite orders; unsorted, 8 of 80 runs deadlocked.
            select(*values).where(rows.c.is_head, select(first.c.ok).scalar_subquery()).order_by(rows.c.stream_id),
        )
        .on_conflict_do_nothing(index_elements=["stream_id", "stream_version"])
        .returning(events.c.stream_id)
        .cte("head")
    )
    tail = (
        insert(events)
        .from_select(
            columns,
            select(*values)
            .where(~rows.c.is_head, rows.c.stream_id.in_(select(head.c.stream_id)))
            .order_by(rows.c.stream_id, rows.c.stream_version),
        )
        .cte("tail")
    )
    won = select(head.c.stream_id, cast(null(), Boolean).label("ok"))
    return union_all(won, select(cast(null(), Uuid), first.c.ok)).add_cte(tail)


_APPEND = HotStatement(_append_statement())


async def load(conn: AsyncConnection, streams: Iterable[UUID]) -> list[StoredEvent]:
    """All events of the streams, by stream and version, with one query."""
    return [StoredEvent(*row) for row in await _LOAD.rows(conn, {"streams": list(streams)})]


async def append(conn: AsyncConnection, rows: Sequence[StoredEvent]) -> set[UUID]:
    """Append to many streams in one statement; answers the streams that won.

    A stream whose first new version is taken already loses, and none of its rows go in. Rows of one stream must carry
    consecutive versions. Raises NotFirstWrite.
    """
    ordered = sorted(rows, key=lambda row: (row.stream_id.int, row.stream_version))
    heads = [i == 0 or ordered[i - 1].stream_id != row.stream_id for i, row in enumerate(ordered)]
    columns: dict[str, Any] = dict(zip(StoredEvent._fields, map(list, zip(*ordered, strict=True)), strict=True))
    won: set[UUID] = set()
    for stream_id, ok in await _APPEND.rows(conn, columns | {"is_head": heads}):
        if stream_id is not None:
            won.add(stream_id)
        elif not ok:
            raise NotFirstWrite
    return won


async def present(conn: AsyncConnection, event_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these events the store holds."""
    return set(await conn.scalars(_BY_ID, {"event_ids": list(event_ids)}))


def _in_shard() -> ColumnElement[bool]:
    # Ids of streams are random, so their last two bytes are a hash; PostgreSQL's own may change with its version.
    octets = func.uuid_send(events.c.stream_id)
    last = func.get_byte(octets, 14) * 256 + func.get_byte(octets, 15)
    return last % bindparam("of", type_=Integer) == bindparam("number", type_=Integer)


def _log_statement() -> Select[Any]:
    statement = select(events.c.transaction_id, events.c.sequence, *STORED).where(
        tuple_(events.c.transaction_id, events.c.sequence)
        > tuple_(bindparam("transaction_id", type_=Xid8), bindparam("sequence", type_=BigInteger)),
        events.c.transaction_id < func.pg_snapshot_xmin(func.pg_current_snapshot()),
    )
    return statement.order_by(events.c.transaction_id, events.c.sequence).limit(bindparam("page", type_=Integer))


_LOG = _log_statement()
_LOG_OF_SHARD = _LOG.where(_in_shard())


async def read_log(conn: AsyncConnection, after: Position, page: int, shard: Shard = WHOLE) -> list[LogEntry]:
    """The next entries of the log, in an order in which nothing is ever put before what was read.

    Transactions that may still commit, and all that began after them, stay behind the gate
    (`pg_snapshot_xmin`), so that an event that commits late is not skipped.
    """
    parameters = {"transaction_id": after.transaction_id, "sequence": after.sequence, "page": page}
    if shard == WHOLE:
        result = await conn.execute(_LOG, parameters)
    else:
        result = await conn.execute(_LOG_OF_SHARD, parameters | shard._asdict())
    return [LogEntry(Position(row[0], row[1]), StoredEvent(*row[2:])) for row in result]


_NEWEST = HotStatement(
    select(events.c.transaction_id, events.c.sequence)
    .where(events.c.transaction_id < func.pg_snapshot_xmin(func.pg_current_snapshot()))
    .order_by(events.c.transaction_id.desc(), events.c.sequence.desc())
    .limit(bindparam("page", type_=Integer))
)


async def newest(conn: AsyncConnection) -> Position:
    """The last entry that readers may see now."""
    rows = await _NEWEST.rows(conn, {"page": 1})
    return Position(*rows[0]) if rows else BEGINNING


_AFTER = tuple_(events.c.transaction_id, events.c.sequence) > tuple_(
    bindparam("transaction_id", type_=Xid8), bindparam("sequence", type_=BigInteger)
)
MOST_COUNTED = 100_000
"""A backlog is counted so far: whoever is behind that much need not know it to the event, and the count has a price."""
_TAIL = select(events.c.sequence).where(_AFTER, _in_shard()).limit(MOST_COUNTED).subquery("tail")
_HELD_BACK = (
    select(func.min(events.c.recorded_at))
    .where(events.c.transaction_id >= func.pg_snapshot_xmin(func.pg_current_snapshot()), _AFTER, _in_shard())
    .scalar_subquery()
)
_BACKLOG = select(
    select(func.count()).select_from(_TAIL).scalar_subquery(),
    func.coalesce(func.extract("epoch", func.clock_timestamp() - _HELD_BACK), 0),
)


_AGE = (
    select(func.extract("epoch", func.clock_timestamp() - events.c.recorded_at))
    .where(_AFTER)
    .order_by(events.c.transaction_id, events.c.sequence)
    .limit(1)
)


async def age(conn: AsyncConnection, after: Position) -> float:
    """For how many seconds the next entry of a reader has been there; 0 when it has read all."""
    return float(await conn.scalar(_AGE, after._asdict()) or 0)


async def backlog(conn: AsyncConnection, after: Position, shard: Shard = WHOLE) -> tuple[int, float]:
    """How many events a reader has before it, to `MOST_COUNTED`, and for how many seconds the gate has held one back.

    The gate's age grows while any transaction of the cluster stays open after writing.
    """
    parameters = {"transaction_id": after.transaction_id, "sequence": after.sequence, **shard._asdict()}
    row = (await conn.execute(_BACKLOG, parameters)).one()
    return int(row[0]), float(row[1])
