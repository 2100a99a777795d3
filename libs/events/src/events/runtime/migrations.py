"""Alembic migrations, run by the service itself at its start, one process at a time."""

from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from events.runtime.database import asyncpg_url

_LOCK = 0x76_69_63_65  # any number, the same in every process of a service


async def upgrade(database_url: str, scripts: Path) -> None:
    """Bring the database to the newest revision of these scripts."""
    engine = create_async_engine(asyncpg_url(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as conn:
            # Released at commit; a second process waits here and then finds nothing to do.
            await conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            await conn.run_sync(_upgrade, scripts)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, scripts: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def run() -> None:
    """What a service's `env.py` calls."""
    context.configure(connection=context.config.attributes["connection"])
    with context.begin_transaction():
        context.run_migrations()
