"""What the clock has to carry out."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from matching.domain.round import State
from matching.projections.tables import candidates, endings, missed, pairs, rounds


class PairDue(NamedTuple):
    """A drafted proposal of a published round that was not made yet."""

    round: UUID
    pair: UUID
    mentor: UUID
    mentee: UUID


async def proposals_due(conn: AsyncConnection, *, published_before: datetime, limit: int) -> list[PairDue]:
    """Proposals that a publication still owes."""
    rows = await conn.execute(
        select(pairs.c.round, pairs.c.pair, pairs.c.mentor, pairs.c.mentee)
        .join(rounds, rounds.c.round == pairs.c.round)
        .where(
            pairs.c.version == 0,
            rounds.c.state == State.PUBLISHED.value,
            rounds.c.published_at < published_before,
        )
        .order_by(pairs.c.pair)
        .limit(limit)
    )
    return [PairDue(*row) for row in rows]


async def misses_due(conn: AsyncConnection, *, published_before: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(round, participant) of those whom a published round left out and who do not know it yet."""
    rows = await conn.execute(
        select(missed.c.round, missed.c.participant)
        .join(rounds, rounds.c.round == missed.c.round)
        .join(candidates, candidates.c.participant == missed.c.participant)
        .where(
            ~missed.c.told,
            rounds.c.state == State.PUBLISHED.value,
            rounds.c.published_at < published_before,
            ~candidates.c.withdrawn,
            candidates.c.places_held == 0,
        )
        .order_by(missed.c.round, missed.c.participant)
        .limit(limit)
    )
    return [(row.round, row.participant) for row in rows]


async def ends_due(conn: AsyncConnection, *, now: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    """(pair, hour) of pairs whose end is due, in an order that has nothing to do with who asked when."""
    rows = await conn.execute(
        select(endings.c.pair, endings.c.due_at)
        .where(~endings.c.ended, endings.c.due_at <= now)
        .order_by(endings.c.pair)
        .limit(limit)
    )
    return [(row.pair, row.due_at) for row in rows]
