"""Rounds that wait for somebody."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from events.membership.tables import coordinators
from matching.domain.round import State
from matching.projections.tables import rounds


class DraftToReview(NamedTuple):
    """A draft, for the list of what there is to do."""

    round: UUID
    number: int


async def drafts(conn: AsyncConnection, coordinator: UUID) -> list[DraftToReview]:
    """Drafts in the programs that a subject coordinates."""
    rows = await conn.execute(
        select(rounds.c.round, rounds.c.number)
        .join(coordinators, coordinators.c.program == rounds.c.program)
        .where(coordinators.c.subject == coordinator, rounds.c.state == State.DRAFT.value)
        .order_by(rounds.c.round)
    )
    return [DraftToReview(*row) for row in rows]
