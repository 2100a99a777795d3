"""One leader at a time: a session advisory lock on a direct connection (never through a pooler).

No safety hangs on it. Two leaders would do the same work twice, and whatever they do bears that.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from events.runtime.database import asyncpg_url

_STANDBY = 0.5
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


@asynccontextmanager
async def leader(database_url: str, name: str) -> AsyncIterator[AsyncConnection]:
    """Wait until this process leads `name`; gives the connection that holds the lock, in autocommit."""
    lock = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
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
            while not await conn.scalar(select(func.pg_try_advisory_lock(lock))):
                await asyncio.sleep(_STANDBY)
            yield conn
    finally:
        await engine.dispose()
