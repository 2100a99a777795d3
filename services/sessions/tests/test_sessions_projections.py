"""Given a log of events, then the tables, however the log was cut into pages."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.kinds import Role
from events.membership.tables import metadata as membership_metadata
from events.runtime.database import create_pool
from events.runtime.migrations import upgrade
from events.runtime.private_events import Event, Recorded
from sessions import domain
from sessions.domain.engagement import SessionState
from sessions.main import MIGRATIONS
from sessions.projections import apply_engagements, engagements, metadata, sessions

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PROGRAM, AUTHOR = uuid4(), uuid4()


@pytest_asyncio.fixture
async def conn(database_url: str) -> AsyncIterator[AsyncConnection]:
    await upgrade(database_url, MIGRATIONS)
    pool = create_pool(database_url, name="projection tests", size=1)
    async with pool.connect() as connection:
        yield connection
    await pool.dispose()


def history(pair: UUID) -> list[Recorded[Any]]:
    """Everything that can happen to a pair: two sessions held or cancelled, one dropped by the end."""
    held, cancelled, dropped = uuid4(), uuid4(), uuid4()
    return recorded(
        pair,
        domain.EngagementBegun(
            program=PROGRAM, mentor=uuid4(), mentee=uuid4(), mentor_region="emea", mentee_region="apac"
        ),
        domain.AgreementProposed(by=Role.MENTOR, author=AUTHOR, cadence_days=14),
        domain.AgreementProposed(by=Role.MENTEE, author=AUTHOR, cadence_days=30),
        domain.AgreementSigned(program=PROGRAM, by=Role.MENTOR, signed_at=NOW),
        *(
            domain.SessionPlanned(program=PROGRAM, session=session, starts_at=NOW + day * DAY, minutes=60)
            for day, session in enumerate((held, cancelled, dropped), start=1)
        ),
        domain.SessionCancelled(program=PROGRAM, session=cancelled, by=Role.MENTEE, author=AUTHOR),
        domain.SessionLogged(program=PROGRAM, session=held, number=1, held_at=NOW + 2 * DAY, minutes=45, author=AUTHOR),
        domain.SessionDropped(program=PROGRAM, session=dropped),
        domain.EngagementEnded(),
    )


def recorded(pair: UUID, *events: Event) -> list[Recorded[Any]]:
    return [Recorded(uuid4(), pair, version, event, NOW, pair, None, None) for version, event in enumerate(events, 1)]


async def rows_of(conn: AsyncConnection, pair: UUID) -> tuple[Any, Sequence[Any]]:
    """The rows of a pair, with ids that no other pair has left out."""
    engagement = (await conn.execute(select(engagements).where(engagements.c.pair == pair))).one()
    listed = await conn.execute(
        select(sessions.c.state, sessions.c.starts_at, sessions.c.minutes, sessions.c.number)
        .where(sessions.c.pair == pair)
        .order_by(sessions.c.state, sessions.c.starts_at)
    )
    return engagement, [tuple(row) for row in listed]


async def test_a_whole_history_becomes_one_row_an_engagement_and_one_a_session(conn: AsyncConnection) -> None:
    pair = uuid4()
    await apply_engagements(conn, history(pair))
    engagement, listed = await rows_of(conn, pair)
    assert (engagement.program, engagement.proposed_by, engagement.cadence_days) == (PROGRAM, "mentee", 30)
    assert (engagement.begun_at, engagement.agreed_at, engagement.over, engagement.version) == (NOW, NOW, True, 11)
    assert listed == [
        (SessionState.CANCELLED, NOW + 2 * DAY, 60, None),
        (SessionState.CANCELLED, NOW + 3 * DAY, 60, None),
        (SessionState.HELD, NOW + 2 * DAY, 45, 1),
    ]


async def test_the_tables_come_out_the_same_however_the_log_is_cut(conn: AsyncConnection) -> None:
    whole = uuid4()
    await apply_engagements(conn, history(whole))
    expected = await rows_of(conn, whole)
    for size in range(1, 11):
        # Two pairs whose events alternate, so that every page holds events of both.
        pairs = [uuid4(), uuid4()]
        log = [event for both in zip(*(history(pair) for pair in pairs), strict=True) for event in both]
        for start in range(0, len(log), size):
            await apply_engagements(conn, log[start : start + size])
        for pair in pairs:
            engagement, listed = await rows_of(conn, pair)
            assert listed == expected[1]
            assert tuple(engagement)[6:] == tuple(expected[0])[6:]


async def test_the_migration_makes_the_tables_that_the_projections_write(conn: AsyncConnection) -> None:
    def differences(connection: Connection) -> list[Any]:
        known = [metadata, membership_metadata]
        ours = {table for each in known for table in each.tables}
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in ours}
        )
        return list(compare_metadata(context, known))

    assert await conn.run_sync(differences) == []
