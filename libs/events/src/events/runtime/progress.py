"""Liveness is progress: whatever is behind and stands still, although broker and database answer, wants a restart.

aiokafka's consumers have fallen silent for ever after a rebalance, with their heartbeats going on (#847, #1154), and a
process that only answers says nothing of that. What fails and is tried again does not count, nor what waits for a
server: a restart would not mend it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol

import structlog
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime import cursors, store
from events.runtime.consumer import Consumer
from events.runtime.database import is_transient
from events.runtime.leadership import direct_connection
from events.runtime.logs import named
from events.runtime.offsets import GroupOffsets
from events.runtime.relay import Relay
from events.runtime.store_projector import StoreProjector
from events.runtime.telemetry import consumer_lag

_log = structlog.get_logger(__name__)

_LOOK_EVERY = 5.0
_LOOK_MAY_TAKE = 10.0
_PATIENCE_WITH_OTHERS = 2


class Seen(NamedTuple):
    """Where something stood at one look."""

    place: Hashable
    behind: bool
    patience: int = 1
    """How many times the limit it may stand still."""


class Stillness:
    """For how long each thing has been seen behind and in one place. It knows no clock: a freeze ages nothing."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._seen: dict[str, tuple[Seen, float]] = {}

    def see(self, seen: Mapping[str, Seen], elapsed: float) -> None:
        """Take in a look, so many seconds after the last one."""
        before = self._seen
        self._seen = {}
        for name, now in seen.items():
            former, still = before.get(name, (None, 0.0))
            moved = former is None or former.place != now.place or not now.behind
            self._seen[name] = (now, 0.0 if moved else still + elapsed)

    @property
    def too_long(self) -> dict[str, float]:
        """What has stood still for longer than it may, and for how many seconds."""
        return {name: still for name, (seen, still) in self._seen.items() if still > self._limit * seen.patience}


class Watched(Protocol):
    """Something that should get on."""

    async def look(self, conn: AsyncConnection) -> Mapping[str, Seen]:
        """Where it stands now."""

    async def close(self) -> None:
        """Let go of connections."""


class WatchedConsumer:
    """A consumer, in each partition that it has. One without any answers for all of its group's, with more patience."""

    def __init__(self, consumer: Consumer, bootstrap_servers: str) -> None:
        topics = sorted({event_type.topic() for event_type in consumer.effects.handles})
        self._consumer = consumer
        self._offsets = GroupOffsets(bootstrap_servers, consumer.group, topics)

    async def look(self, _: AsyncConnection) -> Mapping[str, Seen]:
        """Where its group has committed. Raises KafkaError."""
        consumer, progress = self._consumer, await self._offsets.progress()
        mine = consumer.assigned & progress.keys()
        for place in mine:
            labels = {
                "messaging.consumer.group.name": consumer.group,
                "messaging.destination.name": place.topic,
                "messaging.destination.partition.id": str(place.partition),
            }
            consumer_lag.set(progress[place].behind, labels)
        return {
            f"{consumer.group} {place.topic} {place.partition}": Seen(
                (progress[place].committed, consumer.failed_at),
                progress[place].behind > 0,
                1 if mine else _PATIENCE_WITH_OTHERS,
            )
            for place in (mine or progress)
            if place not in consumer.stopped
        }

    async def close(self) -> None:
        """Close the connection."""
        await self._offsets.close()


class WatchedRelay:
    """A relay, while it leads and its brake does not hold it."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def look(self, conn: AsyncConnection) -> Mapping[str, Seen]:
        """Where its cursor stands."""
        relay = self._relay
        if not relay.leads or relay.is_held:
            return {}
        cursor = await cursors.peek(conn, relay.cursor)
        return {relay.cursor: Seen((cursor, relay.failed_at), await store.newest(conn) > cursor)}

    async def close(self) -> None:
        """It has none."""


class WatchedProjector:
    """A reader of the service's own log. Another process may have its cursor: it is the cursor that must get on."""

    def __init__(self, projector: StoreProjector) -> None:
        self._projector = projector

    async def look(self, conn: AsyncConnection) -> Mapping[str, Seen]:
        """Where its cursor stands."""
        projector = self._projector
        cursor = await cursors.peek(conn, projector.cursor)
        behind = await store.newest(conn) > cursor
        return {projector.cursor: Seen((cursor, projector.failed_at), behind, _PATIENCE_WITH_OTHERS)}

    async def close(self) -> None:
        """It has none."""


class Liveness:
    """Looks every 5 s at what should get on in this process."""

    def __init__(
        self,
        database_url: str,
        name: str,
        watched: Sequence[Watched],
        broker_answers: Callable[[], Awaitable[bool]],
        limit: float,
    ) -> None:
        self._database_url = database_url
        self._name = name
        self._watched = watched
        self._broker_answers = broker_answers
        self._stillness = Stillness(limit)

    @property
    def stands_still(self) -> dict[str, float]:
        """What stands still for too long, and for how many seconds; empty when all is well."""
        return self._stillness.too_long

    async def watch(self) -> None:
        """Look again and again, for ever."""
        try:
            while True:
                try:
                    async with direct_connection(self._database_url, self._name) as conn:
                        await self._look_again_and_again(conn)
                except Exception as error:
                    if not isinstance(error, KafkaError) and not is_transient(error):
                        raise
                    _log.info("progress cannot be seen; it is not asked for", error=named(error))
                    self._stillness.see({}, 0)
                    await self._close()
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            await self._close()

    async def _look_again_and_again(self, conn: AsyncConnection) -> None:
        while True:
            seen: dict[str, Seen] = {}
            async with asyncio.timeout(_LOOK_MAY_TAKE):
                if await self._broker_answers():
                    for one in self._watched:
                        seen |= await one.look(conn)
            self._stillness.see(seen, _LOOK_EVERY)
            if self.stands_still:
                _log.error("something stands still although all servers answer", **{"for": self.stands_still})
            await asyncio.sleep(_LOOK_EVERY)

    async def _close(self) -> None:
        for one in self._watched:
            await one.close()
