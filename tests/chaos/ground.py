"""What faults act upon, and what the load has come to know that a fault may use."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg

from chaos.journal import Journal
from chaos.servers import Stand
from integration.processes import Platform

T = TypeVar("T")

_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@dataclass
class Ground:
    """The platform, its servers, and the journal of a campaign."""

    stand: Stand
    platform: Platform
    journal: Journal
    keys: list[tuple[str, str]] = field(default_factory=list)
    """(service, stream) of what the load works on: a poison message may claim such a key."""
    armed: int = 0
    """Fail points that were set."""
    reached: int = 0
    """Those at which a process killed itself."""
    restarts: int = 0
    """Processes that ended by themselves."""
    sign: Callable[[], Awaitable[str]] | None = None
    """An operator's bearer token, once there is one."""

    async def database(self, service: str, within: float = 30.0) -> asyncpg.Connection:
        """A connection to a service's database, not over its wire. Waits for a server that is away."""
        return await patiently(lambda: asyncpg.connect(self.platform.databases[service], timeout=5), within)


async def patiently(attempt: Callable[[], Awaitable[T]], within: float) -> T:
    """What it answers, once the database is back."""
    deadline = time.monotonic() + within
    while True:
        try:
            return await attempt()
        except _AWAY:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.2)
