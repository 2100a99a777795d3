"""Connections: pools with the settings that the store needs, and which failures of a database pass by themselves."""

import asyncio
from typing import Any

import asyncpg
from sqlalchemy import ARRAY, URL, ColumnElement, TableValuedAlias, any_, bindparam, column, func, make_url
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.types import TypeEngine

_TRANSIENT_SQLSTATES = ("08", "40", "53", "57P")
"""Connection exceptions, rollbacks by the server, exhausted resources, shutdowns (PostgreSQL, appendix A)."""


def asyncpg_url(database_url: str) -> URL:
    """The URL as SQLAlchemy's asyncpg dialect wants it."""
    return make_url(database_url).set(drivername="postgresql+asyncpg")


def create_pool(database_url: str, *, name: str, size: int) -> AsyncEngine:
    """A pool of `size` connections, READ COMMITTED.

    Generic plans are forced: with custom plans the store's array statements fell to a sixth of their speed in 25 s.
    """
    settings: dict[str, Any] = {"application_name": name, "plan_cache_mode": "force_generic_plan", "jit": "off"}
    return create_async_engine(
        asyncpg_url(database_url),
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        pool_use_lifo=True,
        hide_parameters=True,  # errors are logged, and parameters may be personal
        connect_args={"server_settings": settings, "timeout": 10, "command_timeout": 60},
    )


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
    return isinstance(
        error,
        (OSError, asyncio.TimeoutError, asyncpg.InternalClientError, asyncpg.InterfaceError, InvalidRequestError),
    )


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


def any_of(name: str, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    """`= any(:name)`: membership in an array parameter."""
    return any_(bindparam(name, type_=ARRAY(kind)))
