"""Wishes to rebuild: each is carried out once, however often its process dies, and what came of it can be read."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from events.runtime import rebuilding
from events.runtime.hints import Hints
from events.runtime.rebuilds import Purpose, Rebuilder, RebuildRuns, Run, runs, wish
from events.runtime.store_projector import StoreProjector
from events.testing import eventually
from events.testing.counters import Database, increase
from events.testing.tallies import AGREEMENTS, TOTALS, metadata


@pytest.fixture(autouse=True)
async def filled(database: Database) -> None:
    async with database.pool.begin() as conn:
        await conn.run_sync(metadata.create_all)
    await database.commands.execute_all([increase(uuid4()) for _ in range(12)])
    await StoreProjector(database.pool, database.codec, TOTALS, Hints(None, "").reader()).catch_up()


def rebuilder(database: Database, *projections) -> Rebuilder:
    return Rebuilder(database.url, database.pool, database.codec, projections or (TOTALS, AGREEMENTS))


async def ask(database: Database, purpose: Purpose, projection: str = "totals") -> None:
    async with database.pool.begin() as conn:
        await wish(conn, projection, purpose, uuid4())


async def last(database: Database, projection: str = "totals") -> Run:
    async with database.pool.connect() as conn:
        return (await runs(conn))[projection]


async def seen(database: Database) -> int:
    async with database.pool.connect() as conn:
        return await conn.scalar(text("select sum(seen) from totals")) or 0


async def damage(database: Database) -> None:
    async with database.pool.begin() as conn:
        await conn.execute(text("update totals set seen = 100"))


async def test_a_wish_is_carried_out_and_says_so(database: Database):
    await damage(database)
    await ask(database, Purpose.REBUILD)
    asked = await last(database)
    assert (asked.phase, asked.running, asked.started_at) == ("waiting", True, None)
    await rebuilder(database).once()
    done = await last(database)
    assert (done.phase, done.running, done.events_done, done.events_total) == ("done", False, 12, 12)
    assert done.events_per_second(done.finished_at) > 0
    assert await seen(database) == 12


async def test_there_is_one_wish_a_projection_at_a_time(database: Database):
    await ask(database, Purpose.REBUILD)
    for purpose in Purpose:
        with pytest.raises(RebuildRuns):
            await ask(database, purpose)
    await ask(database, Purpose.VERIFY, "agreements")
    await rebuilder(database).once()
    await ask(database, Purpose.VERIFY)
    anew = await last(database)
    assert (anew.purpose, anew.phase, anew.events_done, anew.finished_at) == (Purpose.VERIFY, "waiting", 0, None)


async def test_a_verification_counts_what_differs_and_changes_nothing(database: Database):
    await ask(database, Purpose.VERIFY)
    await rebuilder(database).once()
    assert ((await last(database)).phase, (await last(database)).differences) == ("done", [])
    await damage(database)
    await ask(database, Purpose.VERIFY)
    await rebuilder(database).once()
    [difference] = (await last(database)).differences
    assert (difference["table"], difference["only_live"], difference["only_rebuilt"]) == ("totals", 12, 12)
    assert len(difference["keys"]) == 5
    assert await seen(database) == 1200


async def test_a_process_that_dies_in_the_middle_leaves_the_wish_to_the_next(database: Database):
    await damage(database)
    halted = asyncio.Event()

    async def halt(conn, recorded) -> None:
        await TOTALS.apply(conn, recorded)
        halted.set()
        await asyncio.Event().wait()

    await ask(database, Purpose.REBUILD)
    dying = asyncio.create_task(rebuilder(database, replace(TOTALS, apply=halt)).run())
    await halted.wait()
    assert (await last(database)).phase == "filling"
    dying.cancel()
    await asyncio.wait([dying])
    assert await seen(database) == 1200
    next_process = asyncio.create_task(rebuilder(database).run())

    async def done() -> None:
        assert (await last(database)).phase == "done"

    await eventually(done)
    next_process.cancel()
    assert await seen(database) == 12


async def test_a_connection_that_dies_makes_it_begin_anew(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("events.runtime.rebuilds._LOOK_EVERY", 0.01)
    await damage(database)
    killed = []

    async def die_once(conn, recorded) -> None:
        if not killed:
            killed.append(await conn.scalar(text("select pg_backend_pid()")))
            async with database.pool.connect() as other:
                await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": killed[0]})
        await TOTALS.apply(conn, recorded)

    await ask(database, Purpose.REBUILD)
    running = asyncio.create_task(rebuilder(database, replace(TOTALS, apply=die_once)).run())

    async def done() -> None:
        assert (await last(database)).phase == "done"

    await eventually(done)
    running.cancel()
    assert killed
    assert await seen(database) == 12


async def test_several_processes_carry_a_wish_out_once(database: Database, monkeypatch: pytest.MonkeyPatch):
    replaced, original = [], rebuilding.Rebuild.replace

    async def count(self, *finish) -> None:
        replaced.append(self)
        await original(self, *finish)

    monkeypatch.setattr(rebuilding.Rebuild, "replace", count)
    await ask(database, Purpose.REBUILD)
    await asyncio.gather(*(rebuilder(database).once() for _ in range(3)))
    assert len(replaced) == 1


async def test_what_cannot_be_applied_fails_the_wish_with_a_reason_that_quotes_nothing(database: Database):
    async def refuse(conn, recorded) -> None:
        raise ZeroDivisionError("secret")

    await ask(database, Purpose.REBUILD)
    await rebuilder(database, replace(TOTALS, apply=refuse)).once()
    failed = await last(database)
    assert (failed.phase, failed.running) == ("failed", False)
    assert "ZeroDivisionError" in failed.failure
    assert "secret" not in failed.failure
    assert await seen(database) == 12


async def test_a_projection_that_this_version_does_not_know_waits_for_one_that_does(database: Database):
    await ask(database, Purpose.REBUILD, "of a later version")
    await rebuilder(database).once()
    assert (await last(database, "of a later version")).phase == "waiting"
