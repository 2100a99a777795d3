"""Given events, when they are projected on a real PostgreSQL, then lists, counts and the clock see the right rows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select

import matching
from events.contracts.kinds import Answer, Role
from events.runtime.database import create_pool
from events.runtime.migrations import upgrade
from matching import clock, queries
from matching.domain.pair import PairProposed
from matching.projections import FROM_STORE, metadata

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def conn(database_url):
    await upgrade(database_url, Path(matching.__file__).parent / "migrations")
    pool = create_pool(database_url, name="tests", size=1)
    async with pool.connect() as connection:
        yield connection
    await pool.dispose()


async def project(conn, log):
    for projection in FROM_STORE:
        handled = [recorded for recorded in log if isinstance(recorded.event, projection.handles)]
        if handled:
            await projection.apply(conn, handled)


async def rows(conn):
    found = {}
    for table in metadata.sorted_tables:
        selected = await conn.execute(select(table).order_by(*table.primary_key.columns))
        found[table.name] = selected.all()
    return found


@pytest.fixture
def history(memory, sample, joining, everything_happens):
    everything_happens(memory, sample, joining)
    return memory


async def test_the_migration_makes_the_tables_that_the_code_expects(conn):
    def differences(connection):
        options = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert await conn.run_sync(differences) == []
    assert set(metadata.tables) == {"candidates", "rounds", "missed", "pairs", "endings"}


async def test_rows_come_out_the_same_however_the_log_is_cut_into_pages(conn, history):
    await project(conn, history.log)
    expected = await rows(conn)
    assert {row.state for row in expected["pairs"]} == {"drafted", "created", "ended", "declined", "closed"}
    assert {row.state for row in expected["rounds"]} == {"draft", "published", "discarded"}
    random = Random(20270301)
    for _ in range(10):
        await conn.rollback()
        cuts = sorted(random.sample(range(len(history.log)), 9))
        for start, end in zip([0, *cuts], [*cuts, len(history.log)], strict=True):
            await project(conn, history.log[start:end])
        assert await rows(conn) == expected


async def test_rows_come_out_the_same_in_whichever_order_streams_are_read(conn, history):
    await project(conn, history.log)
    expected = await rows(conn)
    await conn.rollback()
    by_round_last = sorted(history.log, key=lambda recorded: hasattr(recorded.event, "proposals"))
    await project(conn, by_round_last)
    found = await rows(conn)
    discarded = {row.round for row in found["rounds"] if row.state == "discarded"}
    assert [row for row in found["pairs"] if row.round not in discarded] == expected["pairs"]
    assert found["candidates"] == expected["candidates"]


async def test_the_pool_counts_who_takes_part_waits_and_is_paired(conn, history, sample):
    await project(conn, history.log)
    assert await queries.pool(conn, sample.program) == queries.Pool(mentors=4, mentees=4, waiting=6, paired=2)
    assert await queries.pool(conn, uuid4()) == queries.Pool(0, 0, 0, 0)
    assert len(await queries.participants(conn, sample.program)) == 9


async def test_a_proposal_waits_for_one_side_at_a_time(conn, memory, sample, joining):
    mentor, mentee = joining(Role.MENTOR), joining(Role.MENTEE)
    memory.publish(sample, memory.draft(sample))
    await project(conn, memory.log)
    assert [each.version for each in await queries.open_proposals(conn, [mentor])] == [1]
    assert await queries.open_proposals(conn, [mentee]) == []
    length = len(memory.log)
    memory.answer(memory.all(PairProposed)[0].pair, Role.MENTOR, Answer.ACCEPTED)
    await project(conn, memory.log[length:])
    assert await queries.open_proposals(conn, [mentor]) == []
    [waiting] = await queries.open_proposals(conn, [mentee])
    assert (waiting.version, waiting.explanation.mentor_teaches) == (2, ("tiktok",))


async def test_what_a_publication_owes_is_due_once_the_request_had_its_time(conn, memory, sample, joining):
    joining(Role.MENTOR), joining(Role.MENTEE), joining(Role.MENTEE)
    memory.mark_published(sample, memory.draft(sample))
    await project(conn, memory.log)
    assert await clock.due_proposals(conn, NOON) == []
    assert await clock.due_misses(conn, NOON) == []
    later, length = NOON + 2 * clock.PATIENCE, len(memory.log)
    owed = [*await clock.due_proposals(conn, later), *await clock.due_misses(conn, later)]
    assert len(owed) == 2
    for command in owed:
        memory.run(command)
    await project(conn, memory.log[length:])
    assert await clock.due_proposals(conn, later) == []
    assert await clock.due_misses(conn, later) == []


async def test_who_left_before_they_could_be_told_is_owed_nothing(conn, memory, sample, joining):
    mentee = joining(Role.MENTEE)
    memory.mark_published(sample, memory.draft(sample))
    memory.hear(sample.withdrawn(mentee))
    await project(conn, memory.log)
    assert await clock.due_misses(conn, NOON + 2 * clock.PATIENCE) == []


async def test_ends_are_due_at_their_hour_shuffled_and_once(conn, memory, sample, joining):
    for role in (Role.MENTOR, Role.MENTEE) * 12:
        joining(role)
    memory.publish(sample, memory.draft(sample))
    proposed = memory.all(PairProposed)
    for minute, each in enumerate(proposed):
        memory.accept_both(each.pair)
        at = NOON + timedelta(minutes=minute)
        leaves = minute % 2
        memory.hear(sample.withdrawn(each.mentor) if leaves else sample.rematch(each.pair), at=at)
    await project(conn, memory.log)
    assert await clock.due_ends(conn, NOON + timedelta(minutes=59)) == []
    hour = NOON + timedelta(hours=1)
    batches = [await clock.due_ends(conn, hour) for _ in range(2)]
    in_order = [[command.loads[0].id for command in batch] for batch in batches]
    assert in_order[0] != in_order[1]
    assert sorted(in_order[0]) == sorted(in_order[1]) == sorted(each.pair for each in proposed)
    assert {command.at for command in batches[0]} == {hour}
    length = len(memory.log)
    for command in batches[0]:
        memory.run(command)
    await project(conn, memory.log[length:])
    assert await clock.due_ends(conn, hour) == []
