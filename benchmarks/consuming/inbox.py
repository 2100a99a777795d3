"""How fast messages were taken in, read from the inbox that every contestant writes in its transaction."""

import asyncio

from sqlalchemy import Float, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from benchmarks.services.projections import metadata as projected
from events.runtime.schema import inbox, metadata

LOOKS = 0.1


async def create_tables(pool: AsyncEngine) -> None:
    """The runtime's tables and the projection's."""
    async with pool.begin() as conn:
        await conn.run_sync(metadata.create_all)
        await conn.run_sync(projected.create_all)


async def taken_in(pool: AsyncEngine, messages: int) -> None:
    """Return when the inbox holds so many."""
    count = select(func.count()).select_from(inbox)
    while True:
        async with pool.connect() as conn:
            if (await conn.scalar(count) or 0) >= messages:
                return
        await asyncio.sleep(LOOKS)


async def rate(pool: AsyncEngine) -> float:
    """Messages a second, from the end of the first transaction to the end of the last."""
    first = select(inbox.c.transaction_id).order_by(inbox.c.received_at).limit(1).scalar_subquery()
    seconds = (
        func.max(inbox.c.received_at)
        - select(func.max(inbox.c.received_at)).where(inbox.c.transaction_id == first).scalar_subquery()
    )
    statement = select(
        func.count().filter(inbox.c.transaction_id != first), cast(func.extract("epoch", seconds), Float)
    )
    async with pool.connect() as conn:
        messages, elapsed = (await conn.execute(statement)).one()
    return float(messages / elapsed)
