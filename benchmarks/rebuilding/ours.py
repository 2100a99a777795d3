"""Our rebuild: the tables of a projection made again beside the live ones, and put in their place."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

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
    return asyncio.run(_rate(stored(work), FROM_STORE[0], time.perf_counter))


def from_store_by_processor(work: RebuildWork) -> float:
    """Events a second of this process's processor time: what else the machine does counts less."""
    return asyncio.run(_rate(stored(work), FROM_STORE[0], time.process_time))


def from_inbox(work: RebuildWork) -> float:
    """Messages a second, from the inbox."""
    return asyncio.run(_rate(taken_in(work), FROM_TOPICS[0], time.perf_counter))


async def _rate(kept: AbstractAsyncContextManager[History], projection: Projection, now: Callable[[], float]) -> float:
    async with kept as history:
        began = now()
        await rebuild(history.url, projection, history.codec)
        seconds = now() - began
        async with history.pool.connect() as conn:
            if await conn.scalar(select(func.sum(last_readings.c.readings))) != history.readings:
                raise RowsMissing
        return history.readings / seconds
