"""Transaction ids that came from another cluster: a dump was restored, or a replica by logical replication took over.

The log is ordered by them. Where stored ones lie ahead of the cluster's, readers do not see those events, and what is
appended is put before them. So a service does not start then, until the log is renumbered: everything that is there
gets the id 0, which no transaction has and which lies behind every gate, in the order that it had.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import Table, func, literal, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from events.runtime.database import asyncpg_url, sqlstate_of
from events.runtime.schema import Xid8, cursors, events, inbox

_log = structlog.get_logger(__name__)

_LOCK_NOT_AVAILABLE = "55P03"
_OTHERS = text("""
    select distinct application_name from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
    order by application_name
    """)
_AHEAD = text("""
    with recursive consumers as (
        (select consumer from inbox order by consumer limit 1)
        union all
        select (select i.consumer from inbox i where i.consumer > c.consumer order by i.consumer limit 1)
        from consumers c where c.consumer is not null
    ), newest (transaction_id) as (
        (select transaction_id from events order by transaction_id desc, sequence desc limit 1)
        union all
        (select transaction_id from cursors order by transaction_id desc limit 1)
        union all
        select (select i.transaction_id from inbox i where i.consumer = c.consumer
                order by i.transaction_id desc, i.sequence desc limit 1)
        from consumers c
    )
    select coalesce(bool_or(transaction_id >= pg_snapshot_xmax(pg_current_snapshot())), false) from newest
    """)
"""Looks at the end of each index, however many rows there are."""

_NO_TRANSACTION = 0


class LogIsAhead(Exception):
    """Stored transaction ids lie ahead of the cluster's: the log has to be renumbered first."""

    def __init__(self, service: str) -> None:
        super().__init__(
            "the database holds transaction ids that its cluster has not reached, as after a dump and restore: stop "
            f"every process of the service and run `python -m {service}.main renumber`"
        )


class DatabaseInUse(Exception):
    """Somebody else works in the database; nothing was renumbered."""

    def __init__(self, others: Sequence[str]) -> None:
        super().__init__(f"stop everything else that uses the database first: {', '.join(others) or 'a lock is held'}")


async def is_ahead(conn: AsyncConnection) -> bool:
    """Whether any stored transaction id is one that the cluster has yet to give."""
    return bool(await conn.scalar(_AHEAD))


async def renumber(database_url: str) -> int:
    """Renumber log, inbox and cursors in one transaction, if they lie ahead; answers how many rows moved.

    Raises DatabaseInUse.
    """
    engine = create_async_engine(asyncpg_url(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as conn:
            await _take_all(conn)
            if not await is_ahead(conn):
                return 0
            await _move_cursors(conn)
            return await _move_rows(conn, events) + await _move_rows(conn, inbox)
    finally:
        await engine.dispose()


async def _take_all(conn: AsyncConnection) -> None:
    # However long the log is, nobody waits for this transaction.
    await conn.execute(text("set local transaction_timeout = 0"))
    others = list(await conn.scalars(_OTHERS))
    if others:
        raise DatabaseInUse(others)
    try:
        await conn.execute(text("lock table events, inbox, cursors in access exclusive mode nowait"))
    except DBAPIError as error:
        if sqlstate_of(error) == _LOCK_NOT_AVAILABLE:
            raise DatabaseInUse([]) from None
        raise


async def _move_cursors(conn: AsyncConnection) -> None:
    """Each to the number that the last entry before it will have."""
    before = tuple_(events.c.transaction_id, events.c.sequence) <= tuple_(cursors.c.transaction_id, cursors.c.sequence)
    place = select(func.count()).select_from(events).where(before).correlate(cursors).scalar_subquery()
    await conn.execute(update(cursors).values(transaction_id=literal(_NO_TRANSACTION, Xid8()), sequence=place))


async def _move_rows(conn: AsyncConnection, table: Table) -> int:
    order = func.row_number().over(order_by=(table.c.transaction_id, table.c.sequence)).label("number")
    key = [table.c[name] for name in ("consumer", "event_id") if name in table.c]
    numbered = select(*key, order).subquery("numbered")
    # An identity column that is always generated takes no value from an update.
    await conn.execute(text(f"alter table {table.name} alter column sequence set generated by default"))
    # Rows that were renumbered once keep their numbers, so that no two ever have the same on the way.
    moved = await conn.execute(
        update(table)
        .where(*(column == numbered.c[column.name] for column in key))
        .values(transaction_id=literal(_NO_TRANSACTION, Xid8()), sequence=numbered.c.number)
    )
    await conn.execute(text(f"alter table {table.name} alter column sequence set generated always"))
    _log.info("renumbered", table=table.name, rows=moved.rowcount)
    return moved.rowcount
