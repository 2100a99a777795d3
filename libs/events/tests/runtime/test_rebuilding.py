"""Tables made again beside the live ones: equal row for row, whoever writes, reads, dies or migrates meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from events.runtime import rebuilding
from events.runtime.hints import Hints
from events.runtime.projecting import StoreProjection
from events.runtime.rebuilding import compare, opened, rebuild
from events.runtime.shadow import CannotRebuild, Superseded
from events.runtime.store_projector import StoreProjector
from events.testing import eventually
from events.testing.counters import Database, increase
from events.testing.tallies import TOTALS, metadata

_CATALOGUE = text("""
    select 'column', table_name, column_name, data_type, column_default, is_nullable
    from information_schema.columns where table_schema = 'public'
    union all select 'index', tablename, indexname, indexdef, null, null from pg_indexes where schemaname = 'public'
    union all select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), null, null
    from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'grant', relname, relacl::text, reloptions::text, null, null
    from pg_class where relnamespace = 'public'::regnamespace
    """)
_SHADOWS = text("select count(*) from pg_namespace where nspname like 'rebuild%'")


@pytest.fixture(autouse=True)
async def tables(database: Database) -> None:
    async with database.pool.begin() as conn:
        await conn.run_sync(metadata.create_all)


def projector(database: Database, projection: StoreProjection = TOTALS) -> StoreProjector:
    return StoreProjector(database.pool, database.codec, projection, Hints(None, "").reader(), page=7)


async def rows(database: Database, statement: str) -> list[tuple]:
    async with database.pool.connect() as conn:
        return [tuple(row) for row in await conn.execute(text(statement))]


async def shown(database: Database) -> dict[UUID, tuple[int, int]]:
    return {counter: (total, seen) for counter, total, seen in await rows(database, "select * from totals")}


async def execute(database: Database, *statements: str) -> None:
    async with database.pool.begin() as conn:
        for statement in statements:
            await conn.execute(text(statement))


async def nothing_is_left(database: Database) -> bool:
    async with database.pool.connect() as conn:
        return await conn.scalar(_SHADOWS) == 0


async def fill(database: Database, counters: int = 20, events: int = 3) -> dict[UUID, tuple[int, int]]:
    """So many counters, increased by 1, 2, …; and projected."""
    names = [uuid4() for _ in range(counters)]
    for by in range(1, events + 1):
        await database.commands.execute_all([increase(name, by=by) for name in names])
    await projector(database).catch_up()
    return {name: (sum(range(1, events + 1)), events) for name in names}


async def test_wrong_rows_are_right_again_and_the_projection_follows_on_from_there(database: Database):
    right = await fill(database)
    await execute(
        database, "update totals set total = -1 where seen > 0", "insert into totals values (gen_random_uuid(), 1, 1)"
    )
    await rebuild(database.url, TOTALS, database.codec)
    assert await shown(database) == right
    counter = next(iter(right))
    await database.commands.execute(increase(counter, by=4))
    await projector(database).catch_up()
    assert await shown(database) == right | {counter: (10, 4)}
    assert await nothing_is_left(database)


async def test_the_new_tables_have_all_that_the_old_ones_had(database: Database):
    await fill(database)
    await execute(
        database,
        "alter table totals add check (seen > 0), alter seen set default 1, set (fillfactor = 70)",
        "alter table totals add constraint size_and_name unique (total, counter)",
        "create index odd on totals ((total + 1)) where total % 2 = 1",
        "grant select on totals to public",
    )
    async with database.pool.connect() as conn:
        before = {tuple(row) for row in await conn.execute(_CATALOGUE)}
    await rebuild(database.url, TOTALS, database.codec)
    async with database.pool.connect() as conn:
        assert {tuple(row) for row in await conn.execute(_CATALOGUE)} == before
    assert len(before) > 20


async def test_a_comparison_names_the_rows_that_differ_and_changes_nothing(database: Database):
    await fill(database)
    same = await compare(database.url, TOTALS, database.codec)
    assert same.equal
    assert (same.entries, same.tables[0].rows) == (60, 20)
    invented = uuid4()
    await execute(
        database,
        "update totals set total = 7 where counter = (select counter from totals limit 1)",
        f"insert into totals values ('{invented}', 1, 1)",
    )
    live = await shown(database)
    [changed] = [counter for counter, row in live.items() if row == (7, 3)]
    found = await compare(database.url, TOTALS, database.codec)
    [table] = found.tables
    assert not found.equal
    assert (table.table, table.rows, table.only_live, table.only_rebuilt) == ("totals", 21, 2, 1)
    assert {key["counter"] for key in table.keys} == {str(changed), str(invented)}
    assert await shown(database) == live
    assert await nothing_is_left(database)


async def test_a_projection_that_is_behind_is_compared_at_its_own_place(database: Database):
    await fill(database)
    await database.commands.execute_all([increase(uuid4()) for _ in range(5)])
    found = await compare(database.url, TOTALS, database.codec)
    assert (found.equal, found.entries) == (True, 60)


@asynccontextmanager
async def written(database: Database, counters: list[UUID]) -> AsyncIterator[list[int]]:
    """Commands and the live projection, for as long as the block runs; gives how many commands there were."""
    stopped, made = asyncio.Event(), [0]

    async def write() -> None:
        while not stopped.is_set():
            await database.commands.execute_all([increase(counter) for counter in counters])
            made[0] += len(counters)

    async def project() -> None:
        while not stopped.is_set():
            await projector(database).catch_up()

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        group.create_task(project())
        try:
            yield made
        finally:
            stopped.set()


async def test_while_commands_and_the_live_projection_go_on_no_event_is_lost_or_counted_twice(database: Database):
    counters = [uuid4() for _ in range(8)]
    async with written(database, counters) as made:
        for _ in range(2):
            before = made[0]
            async with opened(database.url, TOTALS, database.codec, page=200) as one:
                await one.replace()
            assert (await compare(database.url, TOTALS, database.codec)).equal
            await eventually(lambda before=before: made[0] > before)
    await projector(database).catch_up()
    assert sum(seen for _, seen in (await shown(database)).values()) == made[0]
    assert (await compare(database.url, TOTALS, database.codec)).equal


async def test_readers_always_see_a_whole_table(database: Database):
    right = await fill(database)
    reads, stopped = 0, asyncio.Event()

    async def read() -> None:
        nonlocal reads
        while not stopped.is_set():
            assert await shown(database) == right
            reads += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(read())
        for _ in range(5):
            before = reads
            await rebuild(database.url, TOTALS, database.codec)
            await eventually(lambda before=before: reads > before)
        stopped.set()


async def test_a_long_read_delays_the_switch_and_holds_up_nobody_for_long(database: Database):
    right = await fill(database)
    async with database.pool.connect() as reading:
        await reading.execute(text("select * from totals"))
        running = asyncio.create_task(rebuild(database.url, TOTALS, database.codec))
        tries = text("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and not granted")

        async def waits() -> None:
            async with database.pool.connect() as conn:
                assert await conn.scalar(tries)

        await eventually(waits, every=0.01)
        async with asyncio.timeout(10):
            assert await shown(database) == right
        assert not running.done()
    async with asyncio.timeout(10):
        await running
    assert await shown(database) == right


async def test_an_event_that_commits_late_is_not_skipped(database: Database):
    await fill(database)
    late = uuid4()
    insertion = text(
        "insert into events (event_id, stream_id, stream_version, type, schema_version, data, metadata) values"
        " (:late, :late, 1, 'Increased', 1, '{\"by\": 5}', '{\"at\": \"2026-03-01T09:00:00+00:00\"}')"
    )
    async with database.pool.connect() as open_append:
        await open_append.execute(insertion, {"late": late})
        await database.commands.execute(increase(uuid4()))
        await rebuild(database.url, TOTALS, database.codec)
        await open_append.commit()
    await projector(database).catch_up()
    assert (await shown(database))[late] == (5, 1)
    assert (await compare(database.url, TOTALS, database.codec)).equal


async def test_two_at_once_work_one_after_the_other(database: Database):
    right = await fill(database)
    await asyncio.gather(*(rebuild(database.url, TOTALS, database.codec) for _ in range(3)))
    assert await shown(database) == right
    assert await nothing_is_left(database)


class Halting:
    """Applies one page, and stands still with the second until it is released."""

    def __init__(self) -> None:
        self.pages = 0
        self.halted = asyncio.Event()
        self.released = asyncio.Event()

    @property
    def projection(self) -> StoreProjection:
        return replace(TOTALS, apply=self.apply)

    async def apply(self, conn, recorded) -> None:
        self.pages += 1
        if self.pages == 2:
            self.halted.set()
            await self.released.wait()
        await TOTALS.apply(conn, recorded)


async def replaced(database: Database, projection: StoreProjection) -> None:
    async with opened(database.url, projection, database.codec, page=10) as one:
        await one.replace()


async def test_one_that_froze_and_lost_its_lock_changes_nothing_when_it_comes_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rebuilding, "_REPORT_EVERY", 0.0)
    right = await fill(database)
    frozen, thawed = asyncio.Event(), asyncio.Event()

    async def freeze(_, progress) -> None:
        if progress.done:
            frozen.set()
            await thawed.wait()

    async def run() -> None:
        async with opened(database.url, TOTALS, database.codec, report=freeze, page=10) as one:
            await one.replace()

    running = asyncio.create_task(run())
    await frozen.wait()
    await execute(
        database,
        "select pg_terminate_backend(pid) from pg_locks join pg_database d on d.oid = database"
        " where locktype = 'advisory' and datname = current_database()",
    )
    await rebuild(database.url, TOTALS, database.codec)
    late = uuid4()
    await database.commands.execute(increase(late))
    await projector(database).catch_up()
    thawed.set()
    with pytest.raises((Superseded, OSError)):
        await running
    assert await shown(database) == right | {late: (1, 1)}
    assert (await compare(database.url, TOTALS, database.codec)).equal


async def apply_first_page(one, made) -> None:
    window = await one._source.read(one.reading, rebuilding.BEGINNING, 10)
    async with one._pool.begin() as conn:
        await made.come_first(conn)
        await one._applied(conn, made, window)


async def test_an_attempt_that_another_replaced_applies_no_page(database: Database):
    await fill(database)
    async with opened(database.url, TOTALS, database.codec) as one:
        made = await one._begin()
        await one._begin()
        with pytest.raises(Superseded):
            await apply_first_page(one, made)
        await one.discard()
        with pytest.raises(Superseded):
            await apply_first_page(one, made)


async def test_one_that_is_cancelled_leaves_the_live_tables_and_nothing_else(database: Database):
    right = await fill(database)
    halting = Halting()
    running = asyncio.create_task(replaced(database, halting.projection))
    await halting.halted.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await shown(database) == right
    assert await nothing_is_left(database)


async def test_an_event_that_cannot_be_applied_fails_it_and_the_live_tables_stay(database: Database):
    right = await fill(database)

    async def refuse(conn, recorded) -> None:
        await TOTALS.apply(conn, recorded)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await rebuild(database.url, replace(TOTALS, apply=refuse), database.codec)
    assert await shown(database) == right
    assert await nothing_is_left(database)


async def test_a_migration_meanwhile_makes_it_begin_again_with_the_new_tables(database: Database):
    await fill(database)
    halting = Halting()
    running = asyncio.create_task(replaced(database, halting.projection))
    await halting.halted.wait()
    await execute(database, "alter table totals add column remark text default 'none'")
    halting.released.set()
    await running
    assert {remark for (remark,) in await rows(database, "select remark from totals")} == {"none"}
    assert halting.pages > 6


@pytest.mark.parametrize(
    "definition",
    [
        "alter table totals add foreign key (counter) references others",
        "alter table others add foreign key (id) references totals",
        "create trigger t before update on totals for each row execute function suppress_redundant_updates_trigger()",
        "create policy narrow on totals",
    ],
)
async def test_tables_that_a_copy_would_not_equal_are_refused(database: Database, definition: str):
    await execute(database, "create table others (id uuid primary key)", definition)
    with pytest.raises(CannotRebuild, match="totals"):
        await rebuild(database.url, TOTALS, database.codec)
    assert await nothing_is_left(database)


async def test_progress_is_told(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rebuilding, "_REPORT_EVERY", 0.0)
    await fill(database)
    told: list[tuple[str, int, int]] = []

    async def report(_, progress) -> None:
        told.append((progress.phase, progress.done, progress.total))

    async with opened(database.url, TOTALS, database.codec, report=report, page=25) as one:
        await one.replace()
    assert told == sorted(told, key=lambda entry: entry[1])
    assert told[0] == ("filling", 0, 60)
    assert ("filling", 25, 60) in told
    assert told[-1] == ("switching", 60, 60)
