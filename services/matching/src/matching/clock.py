"""What time makes due: ends of pairs at the full hour, and what a publication that was cut short still owes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import SystemRandom

from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.due import DueWork
from events.runtime.streams import Command
from matching import commands, queries

PAGE = 1_000

PATIENCE = timedelta(seconds=20)
"""So long the request that publishes a round may take to make its proposals; after that they are made for it."""


async def due_ends(conn: AsyncConnection, now: datetime) -> Sequence[Command]:
    """End the pairs whose hour has come, by whatever it was caused, in one shuffled batch."""
    ends = await queries.ends_due(conn, now=now, limit=PAGE)
    SystemRandom().shuffle(ends)
    return [commands.end_pair(pair, now=due_at) for pair, due_at in ends]


async def due_proposals(conn: AsyncConnection, now: datetime) -> Sequence[Command]:
    """Make the proposals that a published round still owes."""
    owed = await queries.proposals_due(conn, published_before=now - PATIENCE, limit=PAGE)
    return [commands.propose(each.round, each.pair, each.mentor, each.mentee, now=now) for each in owed]


async def due_misses(conn: AsyncConnection, now: datetime) -> Sequence[Command]:
    """Count the round that somebody missed, where a publication did not get to it."""
    owed = await queries.misses_due(conn, published_before=now - PATIENCE, limit=PAGE)
    return [commands.miss(round_id, participant, now=now) for round_id, participant in owed]


DUE = (
    DueWork(name="ends of pairs", due=due_ends),
    DueWork(name="owed proposals", due=due_proposals),
    DueWork(name="missed rounds", due=due_misses),
)
