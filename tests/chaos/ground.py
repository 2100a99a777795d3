"""What faults act upon, and what the load has come to know that a fault may use."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg
from confluent_kafka import KafkaException

from chaos.fates import Missed
from chaos.journal import Journal
from chaos.servers import Stand
from integration.processes import Platform, Program

T = TypeVar("T")

_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, KafkaException)


@dataclass
class Ground:
    """The platform, its servers, and the journal of a campaign."""

    stand: Stand
    platform: Platform
    journal: Journal
    keys: list[tuple[str, str]] = field(default_factory=list)
    """(service, stream) of what the load works on: a poison message may claim such a key."""
    restarts: int = 0
    """Processes that ended by themselves."""
    sign: Callable[[], Awaitable[str]] | None = None
    """An operator's bearer token, once there is one."""

    def running(self, service: str) -> Program:
        """A service's process, for a fault to hit: started again where it has ended by itself."""
        if not self.platform.services[service].runs:
            self.restart(service)
        return self.platform.services[service]

    def restart(self, service: str) -> None:
        """Start a process that ended by itself."""
        self.platform.services[service].start()
        self.restarts += 1

    async def database(self, service: str) -> asyncpg.Connection:
        """A connection to a service's database, not over its wire."""
        return await asyncpg.connect(self.platform.databases[service], timeout=5)


async def patiently(attempt: Callable[[], Awaitable[T]], within: float = 60.0) -> T:
    """What it answers, once the server that it asks is back. Raises Missed where that takes too long."""
    deadline = time.monotonic() + within
    while True:
        try:
            return await attempt()
        except _AWAY as error:
            if time.monotonic() > deadline:
                raise Missed(f"after {within:g} s still {type(error).__name__}: {error}") from error
        await asyncio.sleep(0.2)
