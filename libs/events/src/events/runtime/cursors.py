"""How far each reader of the log has come. A cursor moves by compare-and-set, so an overtaken reader notices."""

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.schema import cursors
from events.runtime.store import BEGINNING, Position

_POSITION = (cursors.c.transaction_id, cursors.c.sequence)


async def read(conn: AsyncConnection, name: str) -> Position:
    """Where the cursor stands; made at the beginning of the log when it is new."""
    await conn.execute(
        insert(cursors)
        .values(name=name, transaction_id=BEGINNING.transaction_id, sequence=BEGINNING.sequence)
        .on_conflict_do_nothing()
    )
    row = (await conn.execute(select(*_POSITION).where(cursors.c.name == name))).one()
    return Position(*row)


async def peek(conn: AsyncConnection, name: str) -> Position:
    """Where the cursor stands; nothing is made when it is new."""
    row = (await conn.execute(select(*_POSITION).where(cursors.c.name == name))).one_or_none()
    return Position(*row) if row else BEGINNING


async def beginning_with(conn: AsyncConnection, prefix: str) -> dict[str, Position]:
    """All cursors whose names begin so."""
    statement = select(cursors.c.name, *_POSITION).where(cursors.c.name.startswith(prefix, autoescape=True))
    return {name: Position(*place) for name, *place in await conn.execute(statement)}


async def lock(conn: AsyncConnection, name: str) -> Position | None:
    """The cursor's position, locked until the transaction ends; None while another process holds it."""
    statement = select(*_POSITION).where(cursors.c.name == name).with_for_update(skip_locked=True)
    row = (await conn.execute(statement)).one_or_none()
    return Position(*row) if row else None


async def hold(conn: AsyncConnection, name: str) -> None:
    """Lock the cursor until the transaction ends, as soon as whoever holds it lets it go."""
    await read(conn, name)
    await conn.execute(select(cursors.c.name).where(cursors.c.name == name).with_for_update())


async def put(conn: AsyncConnection, name: str, position: Position) -> None:
    """Set a cursor that this transaction holds."""
    await conn.execute(
        update(cursors)
        .where(cursors.c.name == name)
        .values(transaction_id=position.transaction_id, sequence=position.sequence)
    )


async def move(conn: AsyncConnection, name: str, before: Position, after: Position) -> bool:
    """Move the cursor if it still stands where this reader left it."""
    result = await conn.execute(
        update(cursors)
        .where(
            cursors.c.name == name,
            cursors.c.transaction_id == before.transaction_id,
            cursors.c.sequence == before.sequence,
        )
        .values(transaction_id=after.transaction_id, sequence=after.sequence)
    )
    return result.rowcount == 1
