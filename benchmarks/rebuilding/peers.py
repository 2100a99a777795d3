"""The peers: the same tables made an event a transaction, as most projections are replayed; and bare reading."""

import asyncio
import time
from collections.abc import Callable

import asyncpg

from benchmarks.rebuilding.history import History, stored, taken_in
from benchmarks.services.projections import FROM_STORE
from benchmarks.workload import RebuildWork
from events.runtime.hints import Hints
from events.runtime.store_projector import StoreProjector

_LOG = "select event_id, stream_id, stream_version, type, schema_version, data::text, metadata::text from events"
_INBOX = "select headers::text, payload::text from inbox"
_IN_ORDER = " order by transaction_id, sequence"


def one_by_one(work: RebuildWork) -> float:
    """Events a second: read one, apply it, move the cursor, commit."""
    return asyncio.run(_one_by_one(work, time.perf_counter))


def one_by_one_by_processor(work: RebuildWork) -> float:
    """The same, a second of this process's processor time."""
    return asyncio.run(_one_by_one(work, time.process_time))


async def _one_by_one(work: RebuildWork, now: Callable[[], float]) -> float:
    async with stored(work) as history:
        reader = Hints(None, "benchmarks").reader()
        projector = StoreProjector(history.pool, history.codec, FROM_STORE[0], reader, page=1)
        began = now()
        await projector.catch_up()
        return history.readings / (now() - began)


def reading_log(work: RebuildWork) -> float:
    """Events a second that asyncpg alone reads from the log; nothing is decoded."""

    async def run() -> float:
        async with stored(work) as history:
            return await _reading(history, _LOG)

    return asyncio.run(run())


def reading_inbox(work: RebuildWork) -> float:
    """Messages a second that asyncpg alone reads from the inbox; nothing is decoded."""

    async def run() -> float:
        async with taken_in(work) as history:
            return await _reading(history, _INBOX)

    return asyncio.run(run())


async def _reading(history: History, statement: str) -> float:
    connection = await asyncpg.connect(history.url)
    began = time.perf_counter()
    rows = await connection.fetch(statement + _IN_ORDER)
    seconds = time.perf_counter() - began
    await connection.close()
    return len(rows) / seconds
