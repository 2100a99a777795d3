"""A relay's shards: a cursor and a leader each, and how the number of shards is changed while they run.

Whatever number there is or was, of every stream each relay sends everything after its cursor, in order. So the topics
hold all that lies at or before the lowest cursor of any number that is complete, and a new number begins there: what
another one sent beyond it comes again, and nothing is left out or overtaken.
"""

import re
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime import cursors
from events.runtime.store import BEGINNING, Position, Shard


def shards(number: int) -> list[Shard]:
    """All shards of a log that is divided by this number."""
    return [Shard(i, number) for i in range(number)]


def cursor_of(relay: str, shard: Shard) -> str:
    """Name of a shard's cursor; a relay that is not divided has its own."""
    return relay if shard.of == 1 else f"{relay} {shard.number + 1} of {shard.of}"


def sent_by_all(relay: str, standing: Mapping[str, Position]) -> Position:
    """The furthest position up to which this relay has sent every stream, in whatever number of shards."""
    named = (re.fullmatch(rf"{re.escape(relay)} \d+ of (\d+)", name) for name in standing)
    numbers = {1, *(int(match[1]) for match in named if match)}
    complete = [
        [standing[cursor] for cursor in names]
        for names in ([cursor_of(relay, shard) for shard in shards(number)] for number in numbers)
        if standing.keys() >= set(names)
    ]
    return max(map(min, complete), default=BEGINNING)


async def take_up(conn: AsyncConnection, relay: str, shard: Shard) -> Position:
    """Where this shard goes on: at its cursor, or where a former number of shards has come since."""
    sent = sent_by_all(relay, await cursors.beginning_with(conn, relay))
    cursor = cursor_of(relay, shard)
    own = await cursors.read(conn, cursor)
    if sent > own:
        await cursors.move(conn, cursor, own, sent)
    return await cursors.read(conn, cursor)
