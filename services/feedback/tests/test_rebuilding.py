"""Every projection of feedback is rebuilt row for row, while sheets are answered and people come and go."""

from uuid import uuid4

import pytest

from events.contracts.enrollment import CoordinatorAssigned, ParticipantEnrolled, WorkProfileSet
from events.contracts.kinds import Role
from events.testing.rebuilt import assert_rebuilt, keep
from events.testing.service import running, settings_for
from feedback.main import definition
from feedback.projections import FROM_STORE, FROM_TOPICS
from feedback.settings import Settings


@pytest.fixture
async def service(database_url, tmp_path):
    settings = Settings(**settings_for(database_url, tmp_path))
    async with running(definition(settings), settings) as service:
        yield service


def told(sample):
    """What other services tell of the mentor, who moves once and leaves."""
    yield CoordinatorAssigned(program=sample.program, subject=uuid4(), regions=("emea",))
    yield ParticipantEnrolled(participant=sample.mentor, program=sample.program, region="emea", role=Role.MENTOR)
    for unit in ("Sales", "Legal"):
        yield WorkProfileSet(
            participant=sample.mentor,
            program=sample.program,
            unit=unit,
            time_zone="Europe/Berlin",
            working_hours="09:00-17:00",
            languages=("de",),
        )
    yield sample.mentor_withdrawn


@pytest.mark.parametrize("name", [projection.name for projection in (*FROM_STORE, *FROM_TOPICS)])
async def test_a_projection_is_rebuilt_row_for_row(service, begin_anew, everything_happens, name):
    async def happen():
        memory, sample = begin_anew()
        everything_happens(memory, sample)
        memory.hear(sample.program_closed)
        await keep(service.service, memory.log)
        for sequence, event in enumerate(told(sample), 1):
            await service.deliver(event, key=sample.mentor, sequence=sequence)

    await assert_rebuilt(service, name, happen)
