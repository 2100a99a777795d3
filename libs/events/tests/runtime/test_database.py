"""Which failures pass by themselves."""

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from events.runtime.database import is_transient
from events.testing.counters import Database


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.IdleInTransactionSessionTimeoutError("idle-in-transaction timeout"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.InternalClientError("cannot switch to state 12"),
        asyncpg.InterfaceError("connection is closed"),
        ConnectionRefusedError(111, "Connect call failed"),
        TimeoutError(),
    ],
)
def test_a_connection_that_is_away_comes_back(error: Exception):
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError("duplicate key"),
        asyncpg.QueryCanceledError("canceling statement"),
        asyncpg.UndefinedTableError("relation does not exist"),
        asyncpg.DataError("invalid input for query argument $1"),
        ValueError("a mistake"),
    ],
)
def test_a_mistake_stays_one(error: Exception):
    assert not is_transient(error)


async def test_a_value_that_the_driver_cannot_send_is_a_mistake_and_not_tried_for_ever(database: Database):
    async with database.pool.connect() as conn:
        with pytest.raises(DBAPIError) as caught:
            await conn.execute(text("select cast(:number as integer)"), {"number": "seven"})
    assert not is_transient(caught.value)


async def test_a_connection_that_the_server_ended_is_tried_again(database: Database):
    async with database.pool.connect() as conn, database.pool.connect() as other:
        pid = await conn.scalar(text("select pg_backend_pid()"))
        await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(DBAPIError) as caught:
            await conn.execute(text("select 1"))
    assert is_transient(caught.value)
