"""The tables of lists and of partners: given these events, however the log is cut, then these rows."""

from datetime import UTC, date, datetime
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select

from enrollment import identities, projections, reporting_lines
from enrollment.domain.participant import ParticipantEnrolled
from enrollment.domain.program import ProgramClosed, ProgramDrafted, ProgramOpened, Terms
from enrollment.projections import FROM_STORE, apply_partners, participants, partners, programs
from events.contracts.kinds import Role
from events.contracts.matching import PairCreated
from events.runtime.consuming import Received
from events.runtime.private_events import Recorded

FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))
TERMS = Terms(
    name="Reverse mentoring",
    regions=("EMEA",),
    starts_on=date(2027, 1, 11),
    ends_on=date(2027, 9, 30),
    cadence_days=30,
    sessions_per_pair=6,
    grade_ladder=(),
    dividing_grade=3,
    working_hours="09:00-17:00",
    rating_threshold=5,
    comment_threshold=10,
)


def enrolled(region):
    return ParticipantEnrolled(program=FIRST, subject=uuid4(), role=Role.MENTOR, region=region)


LOG = [
    (FIRST, ProgramDrafted(terms=TERMS)),
    (SECOND, ProgramDrafted(terms=TERMS)),
    (FIRST, ProgramOpened(terms=TERMS)),
    (UUID(int=11), enrolled("EMEA")),
    (THIRD, ProgramDrafted(terms=TERMS)),
    (SECOND, ProgramOpened(terms=TERMS)),
    (UUID(int=10), enrolled("Americas")),
    (SECOND, ProgramClosed()),
]


@pytest.mark.parametrize("page", range(1, len(LOG) + 1))
async def test_the_tables_come_out_the_same_however_the_log_is_cut(enrollment, page):
    recorded = [
        Recorded(uuid4(), stream, 1, event, datetime(2027, 1, 1, tzinfo=UTC), None, None, None) for stream, event in LOG
    ]
    async with enrollment.running.service.write_pool.begin() as conn:
        for start in range(0, len(recorded), page):
            for projection in FROM_STORE:
                handled = [r for r in recorded[start : start + page] if isinstance(r.event, projection.handles)]
                if handled:
                    await projection.apply(conn, handled)
        states = await conn.execute(select(programs.c.program, programs.c.state).order_by(programs.c.program))
        people = await conn.execute(select(participants).order_by(participants.c.participant))

        assert [tuple(row) for row in states] == [(FIRST, "open"), (SECOND, "closed"), (THIRD, "draft")]
        assert [tuple(row) for row in people] == [
            (UUID(int=10), FIRST, "Americas"),
            (UUID(int=11), FIRST, "EMEA"),
        ]


MENTOR, OTHER_MENTOR, MENTEE, OTHER_MENTEE = (UUID(int=number) for number in (21, 22, 23, 24))


def paired(mentor, mentee):
    created = PairCreated(
        pair=uuid4(), program=FIRST, mentor=mentor, mentee=mentee, mentor_region="EMEA", mentee_region="EMEA"
    )
    return Received(uuid4(), created.pair, created, datetime(2027, 1, 1, tzinfo=UTC), None, 1, None)


PAIRS = [(MENTOR, MENTEE), (MENTOR, OTHER_MENTEE), (OTHER_MENTOR, MENTEE)]


@pytest.mark.parametrize("page", range(1, len(PAIRS) + 1))
async def test_partners_come_out_the_same_in_whichever_order_and_pages_pairs_are_told(enrollment, page):
    told = [paired(*sides) for sides in PAIRS]
    for order in permutations(told):
        async with enrollment.running.service.write_pool.connect() as conn:
            for start in range(0, len(order), page):
                await apply_partners(conn, order[start : start + page])
            rows = await conn.execute(select(partners).order_by(*partners.c))
            assert [tuple(row) for row in rows] == sorted([*PAIRS, *((mentee, mentor) for mentor, mentee in PAIRS)])


async def test_two_who_are_paired_again_are_partners_once(enrollment):
    async with enrollment.running.service.write_pool.begin() as conn:
        await apply_partners(conn, [paired(MENTOR, MENTEE), paired(MENTOR, MENTEE)])
        await apply_partners(conn, [paired(MENTOR, MENTEE)])
        rows = await conn.execute(select(partners).order_by(*partners.c))

        assert [tuple(row) for row in rows] == [(MENTOR, MENTEE), (MENTEE, MENTOR)]


async def test_the_migrations_make_the_tables_that_the_code_expects(enrollment):
    known = [module.metadata for module in (projections, identities, reporting_lines)]
    tables = {table for metadata in known for table in metadata.tables}

    def differences(connection):
        options = {"include_name": lambda name, kind, _: kind != "table" or name in tables}
        return compare_metadata(MigrationContext.configure(connection, opts=options), known)

    async with enrollment.running.service.read_pool.connect() as conn:
        assert await conn.run_sync(differences) == []
    assert tables == {"participants", "programs", "partners", "identities", "participations", "reporting_lines"}
