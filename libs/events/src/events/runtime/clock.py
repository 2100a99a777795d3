"""Domain time: one clock, passed in. In production it is the system's; a local platform can turn it forward."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from events.runtime.database import is_transient
from events.runtime.logs import named
from events.runtime.refusals import Refusal
from events.runtime.schema import clock

_log = structlog.get_logger(__name__)

_NAME = "domain"
_REFRESH = 1.0
_FURTHEST = timedelta(days=36_500)


class ClockGoesForward(Refusal):
    """The clock is asked to show an earlier time."""

    slug, status, title = "clock-goes-forward", 422, "Domain time never goes back"


class TooFarAhead(Refusal):
    """The clock is asked to show a time that nobody needs to try."""

    slug, status, title = "too-far-ahead", 422, "Domain time goes at most a hundred years ahead"


class Clock(Protocol):
    """Tells domain time."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.now(UTC)


class TurnableClock:
    """The machine's time and a stretch ahead of it, which all processes of the service read from its database."""

    def __init__(self, pool: AsyncEngine) -> None:
        self._pool = pool
        self._ahead = timedelta()
        self.turned = asyncio.Event()
        """Set at each turn; whoever waits for it clears it."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.now(UTC) + self._ahead

    async def turn(self, to: datetime) -> None:
        """Show this time from now on. Raises ClockGoesForward, TooFarAhead."""
        if to > datetime.now(UTC) + _FURTHEST:
            raise TooFarAhead
        ahead = to - datetime.now(UTC)
        if ahead < self._ahead - timedelta(seconds=1):
            raise ClockGoesForward(f"It is {self.now().isoformat()} already")
        row = {"name": _NAME, "ahead": ahead}
        statement = insert(clock).values(row)
        async with self._pool.begin() as conn:
            await conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"ahead": ahead}))
        self._show(ahead)

    async def read(self) -> None:
        """Take over what another process turned."""
        async with self._pool.connect() as conn:
            ahead = await conn.scalar(select(clock.c.ahead).where(clock.c.name == _NAME))
        # A turn in this process may have overtaken the query; taken over, its answer would turn time back.
        if ahead is not None and ahead > self._ahead:
            self._show(ahead)

    async def follow(self) -> None:
        """Read again and again, for ever."""
        while True:
            try:
                await self.read()
            except Exception as error:
                if not is_transient(error):
                    raise
                _log.warning("the clock could not be read", error=named(error))
            await asyncio.sleep(_REFRESH)

    def _show(self, ahead: timedelta) -> None:
        self._ahead = ahead
        self.turned.set()
