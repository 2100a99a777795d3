"""That a service's projection is rebuilt row for row while things go on happening to the service."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import delete

from events.runtime import rebuilding, store
from events.runtime.codec import json_of, metadata_of, row_of
from events.runtime.comparing import Comparison
from events.runtime.private_events import Recorded
from events.runtime.service import Service
from events.runtime.streams import Command
from events.testing.service import RunningService

Happening = Callable[[], Awaitable[object]]
"""Makes one more piece of history, by whichever way the service has."""


async def keep(service: Service, log: Sequence[Recorded[Any]]) -> None:
    """Put a history that was made in memory into the store, an event a transaction."""
    for each in log:
        command = Command((), lambda _: (), each.at, correlation=each.correlation, causation=each.causation)
        row = row_of(each.stream_id, each.version, each.event, json_of(each.event), metadata_of(command, None))
        sealed = await service.codec.sealed([(row, each.event)])
        async with service.write_pool.begin() as conn:
            await store.append(conn, sealed)


async def assert_rebuilt(running: RunningService, name: str, happen: Happening) -> None:
    """Damage a projection, rebuild it while more happens, and compare it with its source."""
    service = running.service
    [projection] = [each for each in service.definition.projections if each.name == name]

    async def compared() -> Comparison:
        return await rebuilding.compare(service.settings.database_url, projection, service.codec)

    await happen()
    await running.settle()
    before = await compared()
    _demand(before.equal, before)
    _demand(all(table.rows for table in before.tables), "the history does not reach every table")
    async with service.write_pool.begin() as conn:
        for table in projection.tables:
            await conn.execute(delete(table))
    damaged = await compared()
    _demand([table.only_rebuilt for table in damaged.tables] == [table.rows for table in before.tables], damaged)

    rebuilt = asyncio.Event()

    async def go_on() -> None:
        while True:
            await happen()
            await running.settle()
            if rebuilt.is_set():
                return

    async with asyncio.TaskGroup() as group:
        group.create_task(go_on())
        await rebuilding.rebuild(service.settings.database_url, projection, service.codec)
        rebuilt.set()
    after = await compared()
    _demand(after.equal, after)
    grown = all(now.rows > then.rows for now, then in zip(after.tables, before.tables, strict=True))
    _demand(grown, "nothing happened meanwhile")


def _demand(holds: bool, what: object) -> None:  # noqa: FBT001 - an assertion, which the optimizer may not drop
    if not holds:
        raise AssertionError(what)
