"""First migrations are written out, so that they stay; processes that do not migrate wait for the one that does."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, MetaData, text

from events import membership
from events.membership import tables
from events.runtime import schema
from events.runtime.database import create_pool
from events.runtime.migrations import (
    add_dead_letters,
    add_positions_of_dead_letters,
    add_rebuilds,
    await_upgrade,
    create_runtime_tables,
    upgrade,
)

SCRIPTS = Path(__file__).parents[1] / "http" / "migrations"

_COLUMNS = text("""
    select table_name, column_name, ordinal_position, data_type, udt_name, is_nullable, column_default,
           is_identity, identity_generation
    from information_schema.columns where table_schema = 'public'
    """)
_INDEXES = text("select tablename, indexdef from pg_indexes where schemaname = 'public'")
_CONSTRAINTS = text("""
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    from pg_constraint where connamespace = 'public'::regnamespace
    """)


def catalogue(connection: Connection) -> list[set[tuple[object, ...]]]:
    return [{tuple(row) for row in connection.execute(query)} for query in (_COLUMNS, _INDEXES, _CONSTRAINTS)]


def all_runtime_tables(op: Operations) -> None:
    create_runtime_tables(op)
    add_dead_letters(op)
    add_positions_of_dead_letters(op)
    add_rebuilds(op)


@pytest.mark.parametrize(
    ("migration", "metadata"),
    [(all_runtime_tables, schema.metadata), (membership.create_tables, tables.metadata)],
    ids=["runtime", "membership"],
)
async def test_the_migrations_make_the_tables_that_the_code_uses(
    database_url: str, migration: Callable[[Operations], None], metadata: MetaData
) -> None:
    def both(connection: Connection) -> None:
        metadata.create_all(connection)
        expected = catalogue(connection)
        metadata.drop_all(connection)
        assert catalogue(connection) == [set(), set(), set()]
        migration(Operations(MigrationContext.configure(connection)))
        assert catalogue(connection) == expected
        assert all(expected)

    pool = create_pool(database_url, name="migrations", size=1)
    async with pool.begin() as conn:
        await conn.run_sync(both)
    await pool.dispose()


async def test_a_process_that_does_not_migrate_waits_for_the_one_that_does(database_url: str):
    waiting = asyncio.create_task(await_upgrade(database_url, SCRIPTS))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    await upgrade(database_url, SCRIPTS)
    await asyncio.wait_for(waiting, 30)
    await asyncio.wait_for(await_upgrade(database_url, SCRIPTS), 5)


async def test_a_database_that_newer_code_has_migrated_is_new_enough_for_this_code(database_url: str):
    await upgrade(database_url, SCRIPTS)
    pool = create_pool(database_url, name="test", size=1)
    async with pool.begin() as conn:
        await conn.execute(text("update alembic_version set version_num = 'tomorrow'"))
    await asyncio.wait_for(await_upgrade(database_url, SCRIPTS), 5)
    await upgrade(database_url, SCRIPTS)
    async with pool.connect() as conn:
        assert await conn.scalar(text("select version_num from alembic_version")) == "tomorrow"
    await pool.dispose()
