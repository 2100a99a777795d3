"""Given events, when they are projected on a real PostgreSQL, then lists and the clock see the right rows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select

import feedback
from events.contracts.enrollment import WorkProfileSet
from events.runtime.consuming import Received
from events.runtime.database import create_pool
from events.runtime.migrations import upgrade
from feedback import clock, queries
from feedback.domain.sheet import SheetOpened, State
from feedback.projections import FROM_STORE, apply_units, metadata, sheets

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def conn(database_url):
    await upgrade(database_url, Path(feedback.__file__).parent / "migrations")
    pool = create_pool(database_url, name="tests", size=1)
    async with pool.connect() as connection:
        yield connection
    await pool.dispose()


async def project(conn, log):
    for projection in FROM_STORE:
        handled = [recorded for recorded in log if isinstance(recorded.event, projection.handles)]
        if handled:
            await projection.apply(conn, handled)


@pytest.fixture
def history(memory, sample, everything_happens):
    everything_happens(memory, sample)
    return memory


async def test_the_migration_makes_the_tables_that_the_code_expects(conn):
    def differences(connection):
        options = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert await conn.run_sync(differences) == []
    assert set(metadata.tables) == {"sheets", "finished_programs", "units"}


async def test_rows_come_out_the_same_however_the_log_is_cut_into_pages(conn, history):
    by_sheet = select(sheets).order_by(sheets.c.sheet)
    await project(conn, history.log)
    expected = (await conn.execute(by_sheet)).all()
    assert {row.state for row in expected} == {"open", "answered", "closed"}
    random = Random(20270301)
    for _ in range(10):
        await conn.rollback()
        cuts = sorted(random.sample(range(len(history.log)), 6))
        for start, end in zip([0, *cuts], [*cuts, len(history.log)], strict=True):
            await project(conn, history.log[start:end])
        assert (await conn.execute(by_sheet)).all() == expected


async def test_a_row_has_the_version_of_its_stream(conn, history):
    await project(conn, history.log)
    versions = {recorded.stream_id: recorded.version for recorded in history.log}
    rows = (await conn.execute(select(sheets.c.sheet, sheets.c.version))).all()
    assert rows
    assert all(row.version == versions[row.sheet] for row in rows)


async def test_one_sees_the_sheets_one_holds_page_by_page_the_first_due_first(conn, history, sample):
    await project(conn, history.log)
    everything = await queries.sheets_of(conn, [sample.mentee], limit=200)
    assert {held.opened for held in everything} == {
        opened for opened in history.all(SheetOpened) if opened.participant == sample.mentee
    }
    due = [held.opened.due_at for held in everything]
    assert due == sorted(due)
    paged, after = [], None
    while page := await queries.sheets_of(conn, [sample.mentee], after=after, limit=3):
        paged += page
        after = (page[-1].opened.due_at, page[-1].opened.sheet)
    assert paged == everything


async def test_only_open_sheets_are_to_be_done(conn, history, sample):
    await project(conn, history.log)
    todo = await queries.sheets_of(conn, [sample.mentor, sample.mentee], states=[State.OPEN], limit=200)
    assert {held.opened.participant for held in todo} == {sample.mentee}
    assert {held.state for held in todo} == {State.OPEN}


async def test_answers_are_announced_once_their_hour_has_ended_and_never_before(conn, memory, sample, answer):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    first, second = memory.all(SheetOpened)
    answer(memory, first, at=NOON + timedelta(minutes=10))
    answer(memory, second, at=NOON + timedelta(minutes=70))
    await project(conn, memory.log)

    assert await clock.due_announcements(conn, NOON + timedelta(minutes=59)) == []
    [due] = await clock.due_announcements(conn, NOON + timedelta(minutes=60))
    memory.run(due)
    await project(conn, memory.log[-2:])
    assert await clock.due_announcements(conn, NOON + timedelta(minutes=119)) == []
    assert len(await clock.due_announcements(conn, NOON + timedelta(minutes=120))) == 1


async def test_the_batch_is_shuffled_and_every_submission_has_an_id_of_its_own(conn, memory, sample, answer):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    for number in range(1, 40):
        memory.hear(sample.session_logged(number))
    for opened in memory.all(SheetOpened):
        answer(memory, opened)
    await project(conn, memory.log)
    batches = [await clock.due_announcements(conn, NOON + timedelta(hours=1)) for _ in range(2)]
    in_order = [[command.loads[0].id for command in batch] for batch in batches]
    assert in_order[0] != in_order[1]
    assert sorted(in_order[0]) == sorted(in_order[1])
    submissions = [command.loads[1].id for batch in batches for command in batch]
    assert len(set(submissions)) == len(submissions)


async def test_open_sheets_of_a_finished_program_are_closed_by_the_clock(conn, memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    await project(conn, memory.log)
    assert await clock.due_closings(conn, NOON) == []
    memory.hear(sample.program_closed)
    await project(conn, memory.log[-1:])
    closings = await clock.due_closings(conn, NOON)
    assert len(closings) == 2
    for command in closings:
        memory.run(command)
    await project(conn, memory.log[-2:])
    assert await clock.due_closings(conn, NOON) == []


async def test_the_latest_unit_of_a_participant_counts(conn):
    participant, other = uuid4(), uuid4()

    def moved(who, unit):
        profile = WorkProfileSet(
            participant=who,
            program=uuid4(),
            unit=unit,
            time_zone="Europe/Berlin",
            working_hours="09:00-17:00",
            languages=("de",),
        )
        return Received(uuid4(), who, profile, NOON, None, 1, None)

    await apply_units(conn, [moved(participant, "Sales"), moved(other, "Legal"), moved(participant, "Finance")])
    assert await queries.unit_of(conn, participant) == "Finance"
    await apply_units(conn, [moved(participant, "Board")])
    assert [await queries.unit_of(conn, who) for who in (participant, other, uuid4())] == ["Board", "Legal", None]
