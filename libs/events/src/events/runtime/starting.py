"""What a process asks of its database before it plays any role."""

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from events.runtime.database import asyncpg_url
from events.runtime.numbering import LogIsAhead, is_ahead

_log = structlog.get_logger(__name__)

_UNLIMITED = text("""
    select name from pg_settings
    where name in ('idle_in_transaction_session_timeout', 'transaction_timeout') and setting = '0' order by name
    """)


async def check(database_url: str, service: str) -> None:
    """Refuse a log that lies ahead of its cluster, and warn of transactions without a limit. Raises LogIsAhead."""
    engine = create_async_engine(asyncpg_url(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as conn:
            if await is_ahead(conn):
                raise LogIsAhead(service)
            unlimited = await without_limit(conn)
    finally:
        await engine.dispose()
    if unlimited:
        # Not refused: of other roles, whose transactions hold readers back as much, nothing is known here anyway.
        _log.warning("transactions of this role may stay open for ever; set these for all roles", settings=unlimited)


async def without_limit(conn: AsyncConnection) -> list[str]:
    """Timeouts that a connection of this role does not have."""
    return list(await conn.scalars(_UNLIMITED))
