"""One leader at a time: a session advisory lock on a direct connection (never through a pooler).

No safety hangs on it. Two leaders would do the same work twice, and whatever they do bears that. What leadership needs
is an end: a frozen process keeps its sockets and would lead for ever. So the server ends the lock's connection when it
has not heard of it for `SILENCE` seconds. A heartbeat keeps it, on a connection that does nothing else: no work is
too long.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

import structlog
from sqlalchemy import Text, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from events.runtime.database import asyncpg_url
from events.runtime.logs import named

_log = structlog.get_logger(__name__)

SILENCE = 5.0
"""Seconds without a heartbeat after which a leader leads no more."""
_HEARTBEAT = 1.0
_STANDBY = 0.5
_MODESTY = 1.0
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


class LeadershipLost(ConnectionError):
    """The connection that held the lock is gone, and another process may lead. A moment later it may be had again."""


@dataclass(slots=True)
class Contender:
    """A process that may lead in several things: it takes them one by one, a second apart, so that others get some."""

    _asks_from: float = float("-inf")
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def asks(self, connection: AsyncConnection, lock: int) -> bool:
        """Ask for a lock, if this process has not got another just now; whether it is held."""
        async with self._turn:
            if monotonic() < self._asks_from or not await _take(connection, lock):
                return False
            self._asks_from = monotonic() + _MODESTY
            return True


@asynccontextmanager
async def leader(database_url: str, name: str, contender: Contender | None = None) -> AsyncIterator[None]:
    """Wait until this process leads `name`. When it leads no more, what runs inside is cut short by LeadershipLost."""
    contender = contender or Contender()
    async with direct_connection(database_url, name) as connection:
        while not await contender.asks(connection, _lock(name)):
            await asyncio.sleep(_STANDBY)
        try:
            async with asyncio.timeout(None) as leadership:
                beating = asyncio.create_task(_beat(connection, leadership))
                try:
                    yield
                finally:
                    beating.cancel()
                    await asyncio.wait([beating])
        except TimeoutError as error:
            if leadership.expired():
                raise LeadershipLost(name) from error
            raise


@asynccontextmanager
async def direct_connection(database_url: str, name: str) -> AsyncIterator[AsyncConnection]:
    """A connection of its own, in autocommit."""
    engine = create_async_engine(
        asyncpg_url(database_url),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "server_settings": {"application_name": name, "plan_cache_mode": "force_generic_plan", **_KEEPALIVE},
            "timeout": 10,
            "command_timeout": 30,
        },
    )
    try:
        async with engine.connect() as conn:
            yield conn
    finally:
        await engine.dispose()


def _lock(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


async def _take(connection: AsyncConnection, lock: int) -> bool:
    """Take the lock if nobody holds it. Its end by silence comes with it, or one frozen in between would keep it."""
    silence = func.set_config("idle_session_timeout", cast(f"{SILENCE:g}s", Text), False)  # noqa: FBT003 - SQL's
    return await connection.scalar(select(case((func.pg_try_advisory_lock(lock), silence)))) is not None


async def _beat(connection: AsyncConnection, leadership: asyncio.Timeout) -> None:
    try:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            # Where nothing answers for that long, the server has ended the connection, or will as soon as it can.
            async with asyncio.timeout(SILENCE):
                await connection.scalar(select(1))
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing keeps the lock from here on
        _log.warning("the heartbeat of a leader failed", error=named(error))
        leadership.reschedule(asyncio.get_running_loop().time())
