"""Work that time makes due: a clock, not an event, causes it, so its spans begin a trace of their own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.runtime.clock import Clock
from events.runtime.database import is_transient
from events.runtime.group_commit import GroupCommit
from events.runtime.leadership import leader
from events.runtime.logs import named
from events.runtime.refusals import Refusal
from events.runtime.streams import Command
from events.runtime.telemetry import batch_span

_log = structlog.get_logger(__name__)

_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class DueWork:
    """`due` answers the commands that domain time has made due. A command that was carried out already refuses."""

    name: str
    due: Callable[[AsyncConnection, datetime], Awaitable[Sequence[Command]]]


@dataclass(frozen=True, slots=True)
class DueWorker:
    """Carries out due work for ever; one leader a service."""

    database_url: str
    service: str
    pool: AsyncEngine
    commands: GroupCommit
    clock: Clock
    works: Sequence[DueWork]
    turned: asyncio.Event | None = None

    async def run(self) -> None:
        """Run as leader; stands by while another leads. Cancel to stop."""
        while True:
            try:
                async with leader(self.database_url, f"{self.service} due work"):
                    while True:
                        await self.once()
                        await self._wait()
            except Exception as error:
                if not is_transient(error):
                    raise
                _log.warning("due work: the database failed", error=named(error))
                await asyncio.sleep(_EVERY)

    async def once(self) -> None:
        """Carry out what is due now."""
        for work in self.works:
            async with self.pool.connect() as conn:
                commands = await work.due(conn, self.clock.now())
            if not commands:
                continue
            with batch_span(work.name, []):
                outcomes = await self.commands.execute_all(commands)
            for outcome in outcomes:
                if isinstance(outcome, Refusal) and not outcome.passes:
                    _log.debug("due work was done already", work=work.name, refusal=outcome.slug)
                elif isinstance(outcome, BaseException):
                    _log.error("due work failed", work=work.name, error=named(outcome))

    async def _wait(self) -> None:
        if self.turned is None:
            await asyncio.sleep(_EVERY)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_EVERY):
                await self.turned.wait()
        self.turned.clear()
