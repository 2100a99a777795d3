"""Every projection of matching is rebuilt row for row, while rounds and people go on."""

import base64
from uuid import uuid4

import pytest

from events.contracts.enrollment import CoordinatorAssigned
from events.contracts.kinds import Role
from events.testing.rebuilt import assert_rebuilt, keep
from events.testing.service import running, settings_for
from matching.main import definition
from matching.projections import FROM_STORE, FROM_TOPICS
from matching.settings import Settings


@pytest.fixture
async def service(database_url, tmp_path):
    key = tmp_path / "transport"
    key.write_text(base64.b64encode(bytes(range(32))).decode())
    settings = Settings(**settings_for(database_url, tmp_path, transport_key_file=key))
    async with running(definition(settings), settings) as started:
        yield started


@pytest.mark.parametrize("name", [projection.name for projection in (*FROM_STORE, *FROM_TOPICS)])
async def test_a_projection_is_rebuilt_row_for_row(service, begin_anew, everything_happens, name):
    async def happen():
        memory, sample, joining = begin_anew()
        everything_happens(memory, sample, joining)
        await keep(service.service, memory.log)
        _, coordinator = sample.person(Role.MENTOR), uuid4()
        await service.deliver(CoordinatorAssigned(program=sample.program, subject=coordinator, regions=("emea",)))
        for event in sample.person(Role.MENTEE)[:2]:
            await service.deliver(event)
        await service.deliver(sample.withdrawn(sample.people[-1]))

    await assert_rebuilt(service, name, happen)
