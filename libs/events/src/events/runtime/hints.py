"""Wake-up hints: "something was committed". They may be lost, so each process also looks at the log itself.

One look for all its readers: relay and projections that each poll cost an idle service a tenth of a core.
"""

import asyncio
from contextlib import suppress

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from events.runtime import store
from events.runtime.database import autocommitting, is_transient
from events.runtime.logs import named

_log = structlog.get_logger(__name__)
_RETRY = 1.0
_LOOK_EVERY = 0.1


class Hints:
    """Tells the log's readers of one service, in this process at once and in others through Redis."""

    def __init__(self, redis: "Redis | None", channel: str) -> None:
        self._redis = redis
        self._channel = channel
        self._waiting: set[asyncio.Event] = set()
        self._sending: asyncio.Task[None] | None = None

    def committed(self) -> None:
        """Events were appended. Never blocks and never fails."""
        self._wake()
        if self._redis is not None and self._sending is None:
            self._sending = asyncio.create_task(self._send(self._redis))

    def reader(self) -> "Reader":
        """A place to wait for the next hint."""
        event = asyncio.Event()
        self._waiting.add(event)
        return Reader(event)

    async def listen(self) -> None:
        """Pass on hints of other processes, for ever."""
        while self._redis is not None:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(self._channel)
                    async for message in subscription.listen():
                        if message["type"] == "message":
                            self._wake()
            except (RedisError, OSError) as error:
                _log.info("no wake-up hints from Redis; polling goes on", error=named(error))
                await asyncio.sleep(_RETRY)

    async def watch(self, pool: AsyncEngine) -> None:
        """Wake the readers whenever the log has more to read, for ever."""
        looking = autocommitting(pool)
        seen = store.BEGINNING
        while True:
            try:
                async with looking.connect() as conn:
                    newest = await store.newest(conn)
            except Exception as error:
                if not is_transient(error):
                    raise
                _log.warning("the log could not be looked at", error=named(error))
                await asyncio.sleep(_RETRY)
                continue
            if newest != seen:
                seen = newest
                self._wake()
            await asyncio.sleep(_LOOK_EVERY)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def _send(self, redis: "Redis") -> None:
        try:
            with suppress(RedisError, OSError):
                await redis.publish(self._channel, b"")
        finally:
            self._sending = None


class Reader:
    """One reader's view of the hints."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def wait(self, limit: float) -> None:
        """Until the next hint, or `limit` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._event.wait()
        self._event.clear()
