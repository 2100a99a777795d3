"""Who takes part in a program."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.kinds import Role
from matching.projections.tables import candidates


class Pool(NamedTuple):
    """Active candidates of a program, counted."""

    mentors: int
    mentees: int
    waiting: int
    """For whom no place is held."""
    paired: int
    """In at least one pair that both sides accepted."""


async def pool(conn: AsyncConnection, program: UUID) -> Pool:
    """Count a program's active candidates."""
    counts = select(
        func.count().filter(candidates.c.role == Role.MENTOR.value),
        func.count().filter(candidates.c.role == Role.MENTEE.value),
        func.count().filter(candidates.c.places_held == 0),
        func.count().filter(candidates.c.confirmed > 0),
    ).where(
        candidates.c.program == program, and_(candidates.c.profiled, candidates.c.enrolled, ~candidates.c.withdrawn)
    )
    return Pool(*(await conn.execute(counts)).one())


async def participants(conn: AsyncConnection, program: UUID) -> list[UUID]:
    """Everybody whose stream a round has to read: their fold says who is free, and who reports to whom."""
    found = await conn.scalars(select(candidates.c.participant).where(candidates.c.program == program))
    return list(found)
