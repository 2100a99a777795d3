"""Rows as they become visible in another service's table: a trigger notifies at commit, for every contestant alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from benchmarks.services.projections import last_readings

CHANNEL = "arrived"
LIMIT_SECONDS = 180

TRIGGER = f"""
create function arrived() returns trigger language plpgsql as
$$ begin perform pg_notify('{CHANNEL}', new.meter::text); return null; end $$;
create trigger arrived after insert on {last_readings.name} for each row execute function arrived();
"""


class Arrivals:
    """When each row came."""

    def __init__(self) -> None:
        self._at: dict[UUID, float] = {}

    def notified(self, _: object, __: int, ___: str, payload: object) -> None:
        """Called by the connection that listens."""
        self._at[UUID(str(payload))] = time.perf_counter()

    async def after(self, answered: Mapping[UUID, float]) -> list[float]:
        """Milliseconds from each answer to its row, once all rows are there."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not answered.keys() <= self._at.keys():
                await asyncio.sleep(0.05)
        return [(self._at[meter] - at) * 1000 for meter, at in answered.items()]


@asynccontextmanager
async def listening(database_url: str) -> AsyncIterator[Arrivals]:
    """Install the trigger and listen until the block ends."""
    arrivals = Arrivals()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(TRIGGER)
        await connection.add_listener(CHANNEL, arrivals.notified)
        yield arrivals
    finally:
        await connection.close()
