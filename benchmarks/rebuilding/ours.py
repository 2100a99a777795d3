"""Our rebuild: the tables of a projection made again beside the live ones, and put in their place."""

import asyncio
import time

from sqlalchemy import func, select

from benchmarks.rebuilding.history import History, stored, taken_in
from benchmarks.services.projections import FROM_STORE, FROM_TOPICS, last_readings
from benchmarks.workload import RebuildWork
from events.runtime.projecting import Projection
from events.runtime.rebuilding import rebuild


class RowsMissing(RuntimeError):
    """The rebuilt table does not count every reading."""


def from_store(work: RebuildWork) -> float:
    """Events a second, from the log."""

    async def run() -> float:
        async with stored(work) as history:
            return await _rate(history, FROM_STORE[0])

    return asyncio.run(run())


def from_inbox(work: RebuildWork) -> float:
    """Messages a second, from the inbox."""

    async def run() -> float:
        async with taken_in(work) as history:
            return await _rate(history, FROM_TOPICS[0])

    return asyncio.run(run())


async def _rate(history: History, projection: Projection) -> float:
    began = time.perf_counter()
    await rebuild(history.url, projection, history.codec)
    seconds = time.perf_counter() - began
    async with history.pool.connect() as conn:
        if await conn.scalar(select(func.sum(last_readings.c.readings))) != history.readings:
            raise RowsMissing
    return history.readings / seconds
