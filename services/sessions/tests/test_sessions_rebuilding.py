"""Every projection of sessions is rebuilt row for row, while pairs agree and meet."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.contracts.enrollment import ProgramClosed
from events.testing.rebuilt import assert_rebuilt
from events.testing.service import RunningService
from sessions.projections import FROM_STORE, FROM_TOPICS


@pytest.mark.parametrize("name", [projection.name for projection in (*FROM_STORE, *FROM_TOPICS)])
async def test_a_projection_is_rebuilt_row_for_row(
    service: RunningService,
    open_program: Callable[..., Awaitable[UUID]],
    begin: Callable[..., Awaitable[Any]],
    name: str,
) -> None:
    async def happen() -> None:
        program = await open_program(uuid4())
        pair = await begin(program)
        await pair.agree()
        await pair.plan()
        await service.deliver(ProgramClosed(program=program), key=program)

    await assert_rebuilt(service, name, happen)
