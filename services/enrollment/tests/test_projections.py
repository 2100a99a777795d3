"""The tables of lists: given these events, however the log is cut, then these rows."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from enrollment.domain.participant import ParticipantEnrolled
from enrollment.domain.program import ProgramClosed, ProgramDrafted, ProgramOpened, Terms
from enrollment.projections import FROM_STORE, participants, programs
from events.contracts.kinds import Role
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
