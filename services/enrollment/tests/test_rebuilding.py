"""Every projection of enrollment is rebuilt row for row, while programs open and people sign up."""

from uuid import UUID, uuid4

import pytest

from enrollment.projections import FROM_STORE, FROM_TOPICS
from events.contracts.matching import PairCreated
from events.testing.rebuilt import assert_rebuilt


@pytest.mark.parametrize("name", [projection.name for projection in (*FROM_STORE, *FROM_TOPICS)])
async def test_a_projection_is_rebuilt_row_for_row(enrollment, name):
    async def happen():
        program = await enrollment.program()
        await enrollment.import_rows(program, *({"external_id": f"{uuid4()}"} for _ in range(3)))
        created = PairCreated(
            pair=uuid4(),
            program=UUID(program),
            mentor=uuid4(),
            mentee=uuid4(),
            mentor_region="EMEA",
            mentee_region="EMEA",
        )
        await enrollment.running.deliver(created, key=created.pair)

    await assert_rebuilt(enrollment.running, name, happen)
