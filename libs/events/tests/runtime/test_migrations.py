"""First migrations are written out, so that they stay; what they make is what the code uses."""

from collections.abc import Callable

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, MetaData, text

from events import membership
from events.membership import tables
from events.runtime import schema
from events.runtime.database import create_pool
from events.runtime.migrations import create_runtime_tables

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


@pytest.mark.parametrize(
    ("migration", "metadata"),
    [(create_runtime_tables, schema.metadata), (membership.create_tables, tables.metadata)],
    ids=["runtime", "membership"],
)
async def test_the_first_migration_makes_the_tables_that_the_code_uses(
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
