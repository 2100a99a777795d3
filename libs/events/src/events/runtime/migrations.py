"""Alembic migrations, run by the service itself at its start, one process at a time; the runtime's own first one."""

import asyncio
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from events.runtime.database import asyncpg_url
from events.runtime.schema import Xid8

_log = structlog.get_logger(__name__)

_LOOK_EVERY = 0.5
_LOCK = 0x76_69_63_65  # any number, the same in every process of a service


async def upgrade(database_url: str, scripts: Path) -> None:
    """Bring the database to the newest revision of these scripts, unless it is there or beyond."""
    engine = create_async_engine(asyncpg_url(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as conn:
            # Released at commit; a second process waits here and then finds nothing to do.
            await conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            await conn.run_sync(_upgrade, scripts)
    finally:
        await engine.dispose()


async def await_upgrade(database_url: str, scripts: Path) -> None:
    """Wait until another process has brought the database to the newest revision of these scripts, or beyond."""
    engine = create_async_engine(asyncpg_url(database_url), poolclass=NullPool)
    told = False
    try:
        while True:
            async with engine.connect() as conn:
                if await conn.run_sync(_is_upgraded, scripts):
                    return
            if not told:
                _log.info("waiting for the process that migrates", database=engine.url.database)
                told = True
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        await engine.dispose()


def _is_upgraded(connection: Connection, scripts: Path) -> bool:
    directory = ScriptDirectory.from_config(_config(scripts))
    known = {script.revision for script in directory.walk_revisions()}
    current = set(MigrationContext.configure(connection).get_current_heads())
    # A revision that these scripts do not know is a newer one: migrations expand first, so this code still runs on it.
    return current >= set(directory.get_heads()) or bool(current - known)


def _config(scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection, scripts: Path) -> None:
    if _is_upgraded(connection, scripts):
        return
    config = _config(scripts)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def run() -> None:
    """What a service's `env.py` calls."""
    context.configure(connection=context.config.attributes["connection"])
    with context.begin_transaction():
        context.run_migrations()


def add_dead_letters(op: Any) -> None:  # noqa: ANN401 - as below
    """The second migration of the runtime's tables: messages that cannot be applied. Written out and never changed."""
    op.create_table(
        "dead_letters",
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("key", sa.Uuid),
        sa.Column("type", sa.Text),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer),
        sa.Column("offset", sa.BigInteger),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, server_default=sa.text("1"), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("discarded_at", sa.DateTime(timezone=True)),
        sa.Column("discarded_by", sa.Uuid),
        sa.PrimaryKeyConstraint("consumer", "event_id", name="dead_letters_pkey"),
    )
    op.create_index(
        "dead_letters_key", "dead_letters", ["consumer", "key"], postgresql_where=sa.text("discarded_at is null")
    )


def add_positions_of_dead_letters(op: Any) -> None:  # noqa: ANN401 - as below
    """The third: what is dead and what waits stand in one order. Written out and never changed."""
    op.add_column("dead_letters", sa.Column("position", sa.BigInteger))
    # Apart from the column, else every letter that there is would get a place behind what waits behind it.
    op.alter_column("dead_letters", "position", server_default=sa.text("nextval('waiting_position_seq')"))


def add_rebuilds(op: Any) -> None:  # noqa: ANN401 - as below
    """The fourth: wishes to rebuild a projection. Written out and never changed."""
    op.create_table(
        "rebuilds",
        sa.Column("projection", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("requested_by", sa.Uuid, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("events_done", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("events_total", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("differences", JSONB),
    )


def create_runtime_tables(op: Any) -> None:  # noqa: ANN401 - alembic's operations are a dynamic proxy
    """First migration of every service: the runtime's tables as they were then.

    Written out and never changed. What `schema` gains later is a function of its own, called by a later migration.
    """
    this_transaction, now = sa.func.pg_current_xact_id(), sa.func.clock_timestamp()
    op.create_table(
        "events",
        sa.Column("transaction_id", Xid8, server_default=this_transaction, nullable=False),
        sa.Column("sequence", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("stream_id", sa.Uuid, nullable=False),
        sa.Column("stream_version", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("data", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", "sequence", name="events_pkey"),
        sa.UniqueConstraint("event_id", name="events_event_id_key"),
        sa.UniqueConstraint("stream_id", "stream_version", name="events_stream_key"),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("transaction_id", Xid8, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("transaction_id", Xid8, server_default=this_transaction, nullable=False),
        sa.Column("sequence", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("payload", JSONB, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name="inbox_pkey"),
    )
    op.create_index("inbox_log", "inbox", ["consumer", "transaction_id", "sequence"])
    op.create_table(
        "waiting",
        sa.Column("consumer", sa.Text, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Uuid, nullable=False),
        sa.Column("cause", sa.Uuid),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("payload", JSONB, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name="waiting_pkey"),
    )
    op.create_index("waiting_key", "waiting", ["consumer", "key", "position"])
    op.create_index("waiting_cause", "waiting", ["consumer", "cause"])
    op.create_table(
        "subject_keys",
        sa.Column("subject", sa.Uuid, primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("wrapped_with", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
    )
    op.create_table(
        "idempotent_requests",
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("answer", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.PrimaryKeyConstraint("subject", "route", "key", name="idempotent_requests_pkey"),
    )
    op.create_table(
        "clock",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("ahead", sa.Interval, nullable=False),
    )
