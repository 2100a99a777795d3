import asyncio
import json
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from events.runtime import store
from events.runtime.store import BEGINNING, NotFirstWrite, StoredEvent
from events.testing.counters import Database


def row(stream: UUID, version: int) -> StoredEvent:
    return StoredEvent(uuid4(), stream, version, "Increased", 1, json.dumps({"by": 1}), "{}")


async def log(database: Database) -> list[tuple[UUID, int]]:
    async with database.pool.connect() as conn:
        entries = await store.read_log(conn, BEGINNING, 10_000)
    return [(entry.stored.stream_id, entry.stored.stream_version) for entry in entries]


async def test_an_event_that_commits_late_is_not_skipped(database: Database):
    early, late = uuid4(), uuid4()
    async with database.pool.connect() as held_open:
        await held_open.begin()
        await store.append(held_open, [row(late, 1)])
        async with database.pool.begin() as conn:
            await store.append(conn, [row(early, 1)])
        assert await log(database) == []
        await held_open.commit()
    assert await log(database) == [(late, 1), (early, 1)]


async def test_a_reader_that_continues_from_its_cursor_sees_every_event_of_racing_writers_once_and_in_order(
    database: Database,
):
    streams = [uuid4() for _ in range(5)]
    finished = asyncio.Event()

    async def write(number: int) -> None:
        for i in range(20):
            stream = streams[(number + i) % len(streams)]
            while True:
                async with database.pool.begin() as conn:
                    version = len(await store.load(conn, [stream])) + 1
                    if await store.append(conn, [row(stream, version), row(stream, version + 1)]):
                        break

    async def read() -> list[tuple[UUID, int]]:
        seen, cursor = [], BEGINNING
        while True:
            last = finished.is_set()
            async with database.pool.connect() as conn:
                entries = await store.read_log(conn, cursor, 7)
            seen += [(entry.stored.stream_id, entry.stored.stream_version) for entry in entries]
            if entries:
                cursor = entries[-1].position
            elif last:
                return seen
            await asyncio.sleep(0)

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(6)))
    finished.set()
    seen = await reading

    assert len(seen) == 6 * 20 * 2
    for stream in streams:
        versions = [version for of, version in seen if of == stream]
        assert versions == list(range(1, len(versions) + 1))


async def test_an_append_that_is_not_the_first_write_of_its_transaction_is_refused(database: Database):
    stream = uuid4()
    async with database.pool.connect() as conn, conn.begin():
        await conn.execute(text("create temporary table written_before(number int)"))
        with pytest.raises(NotFirstWrite):
            await store.append(conn, [row(stream, 1)])
    assert await log(database) == []


async def test_a_row_lock_before_the_append_is_refused_too(database: Database):
    async with database.pool.begin() as conn:
        await store.append(conn, [row(uuid4(), 1)])
    async with database.pool.connect() as conn, conn.begin():
        await conn.execute(text("select 1 from events for share"))
        with pytest.raises(NotFirstWrite):
            await store.append(conn, [row(uuid4(), 1)])


async def test_a_stream_that_lost_the_race_gets_none_of_its_rows(database: Database):
    contested, free = uuid4(), uuid4()
    async with database.pool.begin() as conn:
        await store.append(conn, [row(contested, 1)])
    async with database.pool.begin() as conn:
        won = await store.append(conn, [row(contested, 1), row(contested, 2), row(free, 1), row(free, 2)])
    assert won == {free}
    async with database.pool.connect() as conn:
        assert len(await store.load(conn, [contested])) == 1
        assert len(await store.load(conn, [free])) == 2


async def test_many_streams_are_loaded_in_the_order_of_their_versions(database: Database):
    one, other = uuid4(), uuid4()
    rows = [row(other, 2), row(one, 1), row(other, 1), row(one, 2), row(one, 3)]
    async with database.pool.begin() as conn:
        await store.append(conn, rows)
    async with database.pool.connect() as conn:
        loaded = await store.load(conn, [one, other, uuid4()])
    assert sorted((r.stream_id, r.stream_version) for r in rows) == [(r.stream_id, r.stream_version) for r in loaded]


async def test_the_backlog_says_how_much_is_ahead_and_how_long_the_gate_has_held_it_back(database: Database):
    async with database.pool.begin() as conn:
        await store.append(conn, [row(uuid4(), 1), row(uuid4(), 1)])
    async with database.pool.connect() as conn:
        assert await store.backlog(conn, BEGINNING) == (2, 0)
    async with database.pool.connect() as held_open:
        await held_open.begin()
        await store.append(held_open, [row(uuid4(), 1)])
        async with database.pool.begin() as conn:
            await store.append(conn, [row(uuid4(), 1)])
        async with database.pool.connect() as conn:
            events, held_back = await store.backlog(conn, BEGINNING)
    assert events == 3
    assert held_back > 0


async def test_a_long_backlog_is_not_counted_to_its_end(database: Database):
    many = text(
        "insert into events (event_id, stream_id, stream_version, type, schema_version, data, metadata)"
        " select gen_random_uuid(), gen_random_uuid(), 1, 'Many', 1, '{}', '{}' from generate_series(1, :number)"
    )
    async with database.pool.begin() as conn:
        await conn.execute(many, {"number": store.MOST_COUNTED + 10})
    async with database.pool.connect() as conn:
        assert (await store.backlog(conn, BEGINNING))[0] == store.MOST_COUNTED
