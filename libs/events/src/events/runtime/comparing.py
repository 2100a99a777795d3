"""How two sets of the same tables differ: rows that only one has, and some of their keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, TableClause, column, func, literal_column, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

_SAMPLE = 5

_COLUMNS = text("""
    select a.attname, coalesce(a.attnum = any(i.indkey), false) as in_key
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_index i on i.indrelid = c.oid and i.indisprimary
    where c.relnamespace = to_regnamespace(:schema) and c.relname = :table order by a.attnum
    """)


@dataclass(frozen=True, slots=True)
class TableDifference:
    """One table beside the same one made again."""

    table: str
    rows: int
    """In the live table."""
    only_live: int
    only_rebuilt: int
    """A row that differs in any column counts in both."""
    keys: Sequence[Mapping[str, Any]]
    """Primary keys of some of them; empty for a table without one."""

    @property
    def equal(self) -> bool:
        """Row for row the same."""
        return not self.only_live and not self.only_rebuilt


@dataclass(frozen=True, slots=True)
class Comparison:
    """A projection beside itself made again, both at one place of the source."""

    projection: str
    entries: int
    """Of the log or inbox, up to that place."""
    tables: Sequence[TableDifference]

    @property
    def equal(self) -> bool:
        """Row for row the same."""
        return all(each.equal for each in self.tables)

    @property
    def differing(self) -> int:
        """Rows that only one side has."""
        return sum(each.only_live + each.only_rebuilt for each in self.tables)


async def compared(conn: AsyncConnection, name: str, live: str, rebuilt: str) -> TableDifference:
    """Compare one table in two schemas, with one statement."""
    found = (await conn.execute(_COLUMNS, {"schema": f'"{live}"', "table": name})).all()
    names = [row.attname for row in found]
    one, other = (table(name, *map(column, names), schema=schema) for schema in (live, rebuilt))
    only_live, only_rebuilt = (
        select(here).except_all(select(there)).cte(label)
        for here, there, label in ((one, other, "only_live"), (other, one, "only_rebuilt"))
    )
    key = [row.attname for row in found if row.in_key]
    row = (
        await conn.execute(
            select(
                _count(one), _count(only_live), _count(only_rebuilt), _keys(only_live, key), _keys(only_rebuilt, key)
            )
        )
    ).one()
    keys = {str(sorted(each.items())): each for each in [*(row[3] or ()), *(row[4] or ())]}
    return TableDifference(name, row[0], row[1], row[2], list(keys.values())[:_SAMPLE])


def _count(rows: CTE | TableClause) -> Any:  # noqa: ANN401 - a scalar subquery of an untyped table
    return select(func.count()).select_from(rows).scalar_subquery()


def _keys(rows: CTE, key: Sequence[str]) -> Any:  # noqa: ANN401 - likewise
    if not key:
        return literal_column("null")
    sample = select(*(rows.c[name] for name in key)).limit(_SAMPLE).subquery(f"keys_{rows.name}")
    as_json = func.to_jsonb(literal_column(f"keys_{rows.name}"))
    return select(func.jsonb_agg(as_json)).select_from(sample).scalar_subquery()
