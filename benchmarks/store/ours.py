"""Our own store: commands by the group commit that every service uses, with tracing as a service has it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle, islice
from uuid import UUID, uuid4

from benchmarks.services import commands
from benchmarks.services.domain import METERING_EVENTS
from benchmarks.workload import NOTE, UNIT, StoreWork
from events.runtime import telemetry
from events.runtime.codec import Codec
from events.runtime.database import create_pool
from events.runtime.encryption import FileKeyWrapper, Keyring
from events.runtime.group_commit import GroupCommit
from events.runtime.private_events import EventTypes
from events.runtime.schema import metadata
from events.runtime.streams import Command

Measured = Callable[[GroupCommit, Sequence[UUID]], Awaitable[None]]


def one_by_one(work: StoreWork) -> float:
    """Commands a second, one caller."""

    async def run(group: GroupCommit, meters: Sequence[UUID]) -> None:
        for meter in islice(cycle(meters), work.commands):
            await group.execute(_reading(meter))

    return asyncio.run(_rate(work, run))


def in_sets(work: StoreWork) -> float:
    """Commands a second, in sets of different streams."""

    async def run(group: GroupCommit, meters: Sequence[UUID]) -> None:
        order = cycle(meters)
        for _ in range(work.commands // work.set_size):
            await _read_all(group, islice(order, work.set_size))

    return asyncio.run(_rate(work, run))


def by_callers(work: StoreWork) -> float:
    """Commands a second, many callers at once, each waiting for its answer."""

    async def run(group: GroupCommit, meters: Sequence[UUID]) -> None:
        async def caller(number: int) -> None:
            for meter in islice(cycle(meters[number :: work.callers]), work.commands // work.callers):
                await group.execute(_reading(meter))

        await asyncio.gather(*(caller(number) for number in range(work.callers)))

    return asyncio.run(_rate(work, run))


def install(work: StoreWork) -> None:
    """Make our tables, with one reading in them."""

    async def run(group: GroupCommit, meters: Sequence[UUID]) -> None:
        await group.execute(_reading(meters[0]))

    asyncio.run(_rate(replace(work, commands=4), run))


async def _rate(work: StoreWork, run: Measured) -> float:
    telemetry.set_up("benchmarks", None)
    pool = create_pool(work.database_url, name="benchmarks", size=4)
    async with pool.begin() as conn:
        await conn.run_sync(metadata.create_all)
    keyring = Keyring(pool, FileKeyWrapper(bytes(32)))
    group = GroupCommit(pool, Codec(EventTypes(METERING_EVENTS), keyring))
    meters = [uuid4() for _ in range(work.streams)]
    for start in range(0, len(meters), 250):
        await _read_all(group, meters[start : start + 250])
    began = time.perf_counter()
    await run(group, meters)
    seconds = time.perf_counter() - began
    await group.close()
    await pool.dispose()
    return work.commands / seconds


def _reading(meter: UUID) -> Command:
    return commands.take_reading(meter, UNIT, NOTE, now=datetime.now(UTC))


async def _read_all(group: GroupCommit, meters: Iterable[UUID]) -> None:
    for outcome in await group.execute_all([_reading(meter) for meter in meters]):
        if isinstance(outcome, BaseException):
            raise outcome
