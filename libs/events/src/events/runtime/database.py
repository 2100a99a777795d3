"""Connections: pools with the settings that the store needs, and which failures of a database pass by themselves."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import (
    ARRAY,
    URL,
    ColumnElement,
    CompoundSelect,
    Select,
    TableValuedAlias,
    any_,
    bindparam,
    column,
    func,
    make_url,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeEngine

_TRANSIENT_SQLSTATES = ("08", "25P03", "25P04", "40", "53", "57P")
"""Connection exceptions, transactions that stood still or took too long, rollbacks by the server, exhausted resources,
shutdowns (PostgreSQL, appendix A)."""
_IDLE_IN_TRANSACTION = "10s"
"""A frozen process holds every reader of the cluster's logs back for as long, if it has written."""


def asyncpg_url(database_url: str) -> URL:
    """The URL as SQLAlchemy's asyncpg dialect wants it."""
    return make_url(database_url).set(drivername="postgresql+asyncpg")


def create_pool(database_url: str, *, name: str, size: int) -> AsyncEngine:
    """A pool of `size` connections, READ COMMITTED.

    Generic plans are forced: with custom plans the store's array statements fell to a sixth of their speed in 25 s.
    """
    settings: dict[str, Any] = {
        "application_name": name,
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION,
    }
    return create_async_engine(
        asyncpg_url(database_url),
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        pool_use_lifo=True,
        hide_parameters=True,  # errors are logged, and parameters may be personal
        connect_args={"server_settings": settings, "timeout": 10, "command_timeout": 60},
    )


def autocommitting(pool: AsyncEngine) -> AsyncEngine:
    """The same pool; its connections commit each statement by itself."""
    return pool.execution_options(isolation_level="AUTOCOMMIT")


class HotStatement:
    """A statement that every command runs, compiled once.

    On an autocommitting connection asyncpg runs it itself: SQLAlchemy's execution costs twice what the trip does.
    Parameters and columns must be of types that asyncpg knows without SQLAlchemy's conversions.
    """

    def __init__(self, statement: Select[Any] | CompoundSelect[Any]) -> None:
        compiled = statement.compile(dialect=dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy's, untyped
        self._statement = statement
        self._text = str(compiled)
        self._names = tuple(compiled.positiontup or ())

    async def rows(self, conn: AsyncConnection, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Run it and answer all rows."""
        sync = conn.sync_connection
        if sync is None or sync.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            result: Sequence[Sequence[Any]] = (await conn.execute(self._statement, parameters)).all()
            return result
        driver: Any = sync.connection.driver_connection
        try:
            rows: Sequence[Sequence[Any]] = await driver.fetch(self._text, *(parameters[name] for name in self._names))
        except BaseException as error:
            # SQLAlchemy did not see it: a connection that may be broken must not come back into the pool.
            if not isinstance(error, asyncpg.PostgresError) or driver.is_closed():
                await conn.invalidate()
            raise
        return rows


def is_transient(error: BaseException) -> bool:
    """Whether the same work may well succeed on another connection a moment later."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause = error.orig.__cause__ if error.orig is not None else None
        return cause is not None and is_transient(cause)
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(_TRANSIENT_SQLSTATES) and state != "57014"
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg's own complaints about a value or an argument are interface errors too; they would never pass.
        return not isinstance(error, ValueError)
    return isinstance(error, (OSError, asyncio.TimeoutError, asyncpg.InternalClientError, PendingRollbackError))


def is_lock_wait(error: BaseException) -> bool:
    """Whether a lock was not to be had in time, or two transactions waited for each other."""
    return sqlstate_of(error) in {"55P03", "40P01"}


def sqlstate_of(error: BaseException) -> str | None:
    """PostgreSQL's code for what went wrong, or None where it was not asked."""
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else error
    return cause.sqlstate if isinstance(cause, asyncpg.PostgresError) else None


def unnest(name: str, /, **columns: TypeEngine[Any]) -> TableValuedAlias:
    """Rows made from one array parameter a column, so that a set of any size is one statement with one plan.

    Execute with {column: list}.
    """
    arrays = [bindparam(column_name, type_=ARRAY(kind)) for column_name, kind in columns.items()]
    return (
        func.unnest(*arrays)
        .table_valued(*(column(column_name, kind) for column_name, kind in columns.items()))
        .render_derived(name=name)
    )


def unnest_in_order(name: str, /, **columns: TypeEngine[Any]) -> TableValuedAlias:
    """The same with each row's number in column `place`, to order by: a join forgets the order of the lists."""
    kinds = [column(column_name, kind) for column_name, kind in columns.items()]
    arrays = [bindparam(column_name, type_=ARRAY(kind)) for column_name, kind in columns.items()]
    return func.unnest(*arrays).table_valued(*kinds, with_ordinality="place").render_derived(name=name)


def any_of(name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """`= any(:name)`: membership in an array parameter."""
    return any_(bindparam(name, type_=ARRAY(kind)))
