"""A service's own log into tables: every event once, in order, whoever else projects and whatever breaks."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from events.runtime.hints import Hints
from events.runtime.projecting import StoreProjection
from events.runtime.store_projector import StoreProjector
from events.runtime.telemetry import projection_age
from events.testing.counters import Database, Increased, increase
from events.testing.eventually import eventually


class Totals:
    """Adds up; an event that is applied twice or left out shows."""

    def __init__(self) -> None:
        self.poison: int | None = None

    async def apply(self, conn, events) -> None:
        for event in events:
            if event.event.by == self.poison:
                raise ZeroDivisionError
            await conn.execute(text("update totals set total = total + :by, seen = seen + 1"), {"by": event.event.by})


@pytest.fixture
async def totals(database: Database) -> Totals:
    async with database.pool.begin() as conn:
        await conn.execute(text("create table totals as select 0 as total, 0 as seen"))
    return Totals()


def projector(database: Database, totals: Totals, **more) -> StoreProjector:
    table = Table("totals", MetaData(), Column("total", Integer), Column("seen", Integer))
    projection = StoreProjection("totals", (Increased,), totals.apply, (table,))
    return StoreProjector(database.pool, database.codec, projection, Hints(None, "").reader(), **more)


async def shown(database: Database) -> tuple[int, int]:
    async with database.pool.connect() as conn:
        return tuple((await conn.execute(text("select total, seen from totals"))).one())


async def test_every_event_is_projected_once_page_by_page(database: Database, totals: Totals):
    counter = uuid4()
    await database.commands.execute_all([increase(counter, by=by) for by in range(1, 26)])
    await projector(database, totals, page=4).catch_up()
    assert await shown(database) == (325, 25)
    await projector(database, totals).catch_up()
    assert await shown(database) == (325, 25)


async def test_processes_that_project_at_once_apply_nothing_twice(database: Database, totals: Totals):
    several = [projector(database, totals, page=3) for _ in range(4)]
    for _ in range(10):
        await database.commands.execute_all([increase(uuid4()) for _ in range(5)])
        await asyncio.gather(*(one.catch_up() for one in several))
    await several[0].catch_up()
    assert await shown(database) == (50, 50)


async def test_a_page_that_fails_leaves_nothing_and_is_said_loudly_and_goes_on_when_it_can(
    database: Database, totals: Totals, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("events.runtime.store_projector._PAUSE", 0.01)
    totals.poison = 3
    await database.commands.execute_all([increase(uuid4(), by=by) for by in (1, 2, 3, 4)])
    with capture_logs() as logs:
        running = asyncio.create_task(projector(database, totals).run())
        await eventually(lambda: len(logs) >= 2)
    assert {(line["log_level"], line["event"]) for line in logs} == {("error", "a projection stands still")}
    assert await shown(database) == (0, 0)
    totals.poison = None

    async def caught_up() -> None:
        assert await shown(database) == (10, 4)

    await eventually(caught_up)
    running.cancel()


async def test_a_connection_that_dies_in_the_middle_of_a_page_costs_nothing(
    database: Database, totals: Totals, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("events.runtime.store_projector._PAUSE", 0.01)
    await database.commands.execute_all([increase(uuid4()) for _ in range(6)])
    apply, killed = totals.apply, []

    async def die_once(conn: AsyncConnection, events) -> None:
        await apply(conn, events)
        if not killed:
            killed.append(await conn.scalar(text("select pg_backend_pid()")))
            async with database.pool.connect() as other:
                await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": killed[0]})

    totals.apply = die_once
    running = asyncio.create_task(projector(database, totals, page=4).run())

    async def caught_up() -> None:
        assert await shown(database) == (6, 6)

    await eventually(caught_up)
    running.cancel()
    assert killed


async def test_how_old_the_tables_are_is_measured(database: Database, totals: Totals, monkeypatch: pytest.MonkeyPatch):
    ages: list[tuple[float, dict[str, str]]] = []
    monkeypatch.setattr(projection_age, "set", lambda age, labels: ages.append((age, labels)))
    monkeypatch.setattr("events.runtime.store_projector._MEASURE_EVERY", 0.0)
    await database.commands.execute(increase(uuid4()))
    await projector(database, totals).catch_up()
    (first, labels), *_, (last, _) = ages
    assert first > last == 0
    assert labels == {"projection": "totals"}
