"""Follows the service's own log into tables: a page a transaction, cursor and tables together."""

import asyncio
from dataclasses import dataclass
from time import monotonic

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from events.runtime import cursors, store
from events.runtime.codec import Codec
from events.runtime.database import is_transient
from events.runtime.hints import Reader
from events.runtime.logs import named
from events.runtime.projecting import StoreProjection
from events.runtime.telemetry import projection_age

_log = structlog.get_logger(__name__)

_POLL = 1.0
_PAGE = 500
_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_MEASURE_EVERY = 5.0


@dataclass(slots=True)
class StoreProjector:
    """One projection's reader. Several processes may run it: the cursor's row lets one in at a time."""

    pool: AsyncEngine
    codec: Codec
    projection: StoreProjection
    wake: Reader
    page: int = _PAGE
    failed_at: float = float("-inf")
    """When it last failed, by the monotonic clock: what is tried again does not stand still."""
    _has_cursor: bool = False
    _measured: float = float("-inf")

    @property
    def cursor(self) -> str:
        """Name of its cursor."""
        return self.projection.cursor

    async def run(self) -> None:
        """Project for ever. An event that cannot be applied stops this projection, loudly. Cancel to stop."""
        pause = _PAUSE
        while True:
            try:
                while True:
                    await self.catch_up()
                    pause = _PAUSE
                    await self.wake.wait(_POLL)
            except Exception as error:  # noqa: BLE001 - a projection that stands still must not take the process down
                self.failed_at = monotonic()
                if is_transient(error):
                    _log.warning("projection: the database failed", projection=self.projection.name, error=named(error))
                else:
                    _log.exception("a projection stands still", projection=self.projection.name)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def catch_up(self) -> None:
        """Project until nothing is left, or another process has the cursor."""
        if not self._has_cursor:
            async with self.pool.begin() as conn:
                await cursors.read(conn, self.cursor)
            self._has_cursor = True
        await self._measure()
        while await self.step():
            await self._measure()

    async def _measure(self) -> None:
        if monotonic() - self._measured < _MEASURE_EVERY:
            return
        self._measured = monotonic()
        async with self.pool.connect() as conn:
            age = await store.age(conn, await cursors.peek(conn, self.cursor))
        projection_age.set(age, {"projection": self.projection.name})

    async def step(self) -> bool:
        """Project one page; False when there was nothing to do, or another process does it."""
        names = {event_type.type for event_type in self.projection.handles}
        async with self.pool.begin() as conn:
            position = await cursors.lock(conn, self.cursor)
            if position is None:
                return False
            entries = await store.read_log(conn, position, self.page)
            if not entries:
                return False
            wanted = [entry.stored for entry in entries if entry.stored.type in names]
            if wanted:
                await self.projection.apply(conn, await self.codec.recorded(wanted))
            await cursors.move(conn, self.cursor, position, entries[-1].position)
        return True
