"""A second set of a projection's tables, in a schema of its own, to be filled beside the live ones and to replace them.

Statements name tables without a schema, so a projection's `apply` writes here in a transaction for which the shadow's
schema comes first. Its tables are made from the live tables' own definitions, not from the code's: a newer
version may have added a column already.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Column, MetaData, Table, Uuid, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import sqlstate_of
from events.runtime.schema import Xid8
from events.runtime.store import BEGINNING, Position

_CURSOR = "rebuild_cursor"
_quoted = dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]  # SQLAlchemy's, untyped

_UNLIKE = text("""
    select c.relname from pg_class c
    where c.relnamespace = cast(:home as regnamespace) and c.relname = any(:tables)
      and (c.relkind <> 'r' or c.relispartition or c.relhassubclass
           or exists (select from pg_trigger t where t.tgrelid = c.oid)
           or exists (select from pg_policy p where p.polrelid = c.oid))
    """)
"""Tables that have what a copy would not: foreign keys (they are triggers), triggers, policies, heirs."""

_DEFINITIONS = text("""
    with live as (
        select c.oid, c.relname, c.relacl, c.reloptions, array_position(:tables, c.relname::text) as place
        from pg_class c where c.relnamespace = cast(:home as regnamespace) and c.relname = any(:tables)
    ), defined as (
        select place, 1 as step, relname, '' as name,
               format('create table %I.%I (like %I.%I including all excluding indexes)',
                      cast(:shadow as text), relname, cast(:home as text), relname) as ddl,
               (select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                                            a.attidentity, pg_get_expr(d.adbin, d.adrelid)), ',' order by a.attnum)
                from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                where a.attrelid = live.oid and a.attnum > 0 and not a.attisdropped) as columns
        from live
        union all
        select place, 2, relname, '', format('alter table %I.%I set (%s)', cast(:shadow as text), relname,
                                             array_to_string(reloptions, ', ')), ''
        from live where reloptions is not null
        union all
        select place, 3, relname, k.conname, format('alter table %I.%I add constraint %I %s', cast(:shadow as text),
                                                    relname, k.conname, pg_get_constraintdef(k.oid)), ''
        from live join pg_constraint k on k.conrelid = live.oid and k.contype in ('p', 'u', 'x')
        union all
        select place, 4, live.relname, i.relname,
               format('create %s %I on %I.%I using %s', case when x.indisunique then 'unique index' else 'index' end,
                      i.relname, cast(:shadow as text), live.relname,
                      substr(pg_get_indexdef(i.oid), strpos(pg_get_indexdef(i.oid), ' USING ') + 7)), ''
        from live join pg_index x on x.indrelid = live.oid join pg_class i on i.oid = x.indexrelid
        where not exists (select from pg_constraint k where k.conindid = i.oid and k.conrelid = live.oid)
        union all
        select place, 5, relname, concat(granted.grantee, granted.privilege_type),
               format('grant %s on %I.%I to %s%s', granted.privilege_type, cast(:shadow as text), relname,
                      coalesce(quote_ident(r.rolname), 'public'),
                      case when granted.is_grantable then ' with grant option' else '' end), ''
        from live cross join lateral aclexplode(live.relacl) granted left join pg_roles r on r.oid = granted.grantee
        where granted.grantee = 0 or r.oid is not null
    )
    select ddl, columns from defined order by place, step, relname, name
    """)
"""What makes the same tables in the shadow's schema, with the same names of indexes and constraints, in order."""

Shape = tuple[tuple[str, str], ...]


class CannotRebuild(Exception):
    """The tables have something that a copy would lose. The message says which."""


class Superseded(Exception):
    """Another process rebuilds the projection now, and what this one made is gone."""


class ShapeChanged(Exception):
    """The live tables were migrated meanwhile."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """The shadow of one projection's tables, as one attempt made it."""

    home: str
    """Schema of the live tables."""
    schema: str
    tables: tuple[str, ...]
    attempt: UUID
    shape: Shape
    """Definitions of the live tables when the shadow was made."""

    @property
    def _cursor(self) -> Table:
        return Table(
            _CURSOR,
            MetaData(),
            Column("attempt", Uuid),
            Column("transaction_id", Xid8),
            Column("sequence", BigInteger),
            schema=self.schema,
        )

    async def come_first(self, conn: AsyncConnection) -> None:
        """Let statements find these tables before the live ones until the transaction ends."""
        await conn.execute(text(f"set local search_path = {_quoted(self.schema)}, {_quoted(self.home)}"))

    async def advance(self, conn: AsyncConnection, before: Position, after: Position) -> None:
        """Move the shadow's cursor. First in a page's transaction, so that two can never apply one page.

        Raises Superseded.
        """
        cursor = self._cursor
        statement = (
            update(cursor)
            .where(
                cursor.c.attempt == self.attempt,
                cursor.c.transaction_id == before.transaction_id,
                cursor.c.sequence == before.sequence,
            )
            .values(transaction_id=after.transaction_id, sequence=after.sequence)
        )
        try:
            moved = await conn.execute(statement)
        except DBAPIError as error:
            if sqlstate_of(error) == "42P01":
                raise Superseded from None
            raise
        if moved.rowcount != 1:
            raise Superseded

    async def discard(self, conn: AsyncConnection) -> None:
        """Remove it, unless it is gone already or another attempt's."""
        if not await conn.scalar(select(func.to_regclass(f"{_quoted(self.schema)}.{_CURSOR}").is_not(None))):
            return
        cursor = self._cursor
        mine = select(cursor.c.attempt).where(cursor.c.attempt == self.attempt).with_for_update()
        if await conn.scalar(mine) is not None:
            await drop(conn, self.schema)

    async def analyze(self, conn: AsyncConnection) -> None:
        """Let the planner know how large the tables are, as autovacuum does for live ones, only too late."""
        names = ", ".join(f"{_quoted(self.schema)}.{_quoted(table)}" for table in self.tables)
        await conn.execute(text(f"analyze {names}"))

    async def lock_writers_out(self, conn: AsyncConnection) -> None:
        """Hold off whoever would change the live tables, and wait for those who did; readers go on."""
        await conn.execute(text(f"lock table {self._live()} in share row exclusive mode"))

    async def take_over(self, conn: AsyncConnection) -> None:
        """Put the shadow's tables in the live ones' place. Readers wait from here to the commit.

        Raises ShapeChanged.
        """
        await conn.execute(text(f"lock table {self._live()} in access exclusive mode"))
        if await _shape(conn, self.home, self.schema, self.tables) != self.shape:
            raise ShapeChanged
        await conn.execute(text(f"drop table {self._live()}"))
        for table in self.tables:
            moved = f"{_quoted(self.schema)}.{_quoted(table)}"
            await conn.execute(text(f"alter table {moved} set schema {_quoted(self.home)}"))
        await drop(conn, self.schema)

    def _live(self) -> str:
        return ", ".join(f"{_quoted(self.home)}.{_quoted(table)}" for table in self.tables)


def schema_of(projection: str) -> str:
    """Name of the schema in which a projection's shadow stands."""
    return f"rebuild_{re.sub('[^a-z0-9]+', '_', projection.lower())}"


async def create(conn: AsyncConnection, projection: str, tables: Sequence[str]) -> Shadow:
    """Make an empty shadow, in place of what an earlier attempt left. Raises CannotRebuild."""
    home = str(await conn.scalar(select(func.current_schema())))
    schema = schema_of(projection)
    names: dict[str, Any] = {"home": _quoted(home), "tables": list(tables)}
    unlike = (await conn.scalars(_UNLIKE, names)).all()
    if unlike:
        raise CannotRebuild(f"{', '.join(unlike)}: foreign keys, triggers, policies or heirs would be lost")
    await drop(conn, schema)
    await conn.execute(text(f"create schema {_quoted(schema)}"))
    shape = await _shape(conn, home, schema, tables)
    for ddl, _ in shape:
        await conn.execute(text(ddl.replace(":", r"\:")))
    shadow = Shadow(home, schema, tuple(tables), uuid4(), shape)
    cursor = shadow._cursor  # noqa: SLF001 - this function is the shadow's maker
    await conn.run_sync(cursor.create)
    await conn.execute(insert(cursor).values(attempt=shadow.attempt, **BEGINNING._asdict()))
    return shadow


async def drop(conn: AsyncConnection, schema: str) -> None:
    """Remove a shadow, whoever made it."""
    await conn.execute(text(f"drop schema if exists {_quoted(schema)} cascade"))


async def _shape(conn: AsyncConnection, home: str, schema: str, tables: Sequence[str]) -> Shape:
    found = await conn.execute(_DEFINITIONS, {"home": home, "shadow": schema, "tables": list(tables)})
    return tuple((ddl, columns) for ddl, columns in found)
