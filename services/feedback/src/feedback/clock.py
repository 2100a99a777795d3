"""What time makes due: telling at the full hour that sheets were answered, closing what a finished program left."""

from collections.abc import Sequence
from datetime import datetime
from random import SystemRandom
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.due import DueWork
from events.runtime.streams import Command
from feedback import commands, queries

PAGE = 500


async def due_announcements(conn: AsyncConnection, now: datetime) -> Sequence[Command]:
    """Announce the answers of the hours that have ended: each under a random id, all of them shuffled."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    answers = await queries.unannounced(conn, before=hour, limit=PAGE)
    SystemRandom().shuffle(answers)
    return [commands.announce_answers(answer.sheet, uuid4(), day=answer.day) for answer in answers]


async def due_closings(conn: AsyncConnection, now: datetime) -> Sequence[Command]:
    """Close the sheets that are open though their program has ended."""
    return [commands.close_sheet(sheet, now=now) for sheet in await queries.open_after_the_end(conn, limit=PAGE)]


DUE = (
    DueWork(name="announcements", due=due_announcements),
    DueWork(name="sheets of finished programs", due=due_closings),
)
