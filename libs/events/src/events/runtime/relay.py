"""From the store to Kafka: everything from the cursor on, in order, a page at a time.

Safety does not hang on the leader's lock: two relays at once make duplicates and no disorder, because each sends all
from the cursor on and moves it by compare-and-set.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

import structlog
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime import cursors, store
from events.runtime.database import is_transient
from events.runtime.hints import Reader
from events.runtime.leadership import Contender, direct_connection, leader
from events.runtime.logs import named
from events.runtime.private_events import UnknownEventType
from events.runtime.sending import Sender
from events.runtime.shards import cursor_of, take_up
from events.runtime.store import WHOLE, LogEntry, Position, Shard
from events.runtime.telemetry import gate_age, relay_lag

_log = structlog.get_logger(__name__)

_POLL = 1.0
_PAGE = 1_000
_PAUSE = 0.3
_MEASURE_EVERY = 5.0


class Brake(Protocol):
    """Holds a relay back while subscribers of a broker that forgets are too far behind."""

    async def hold(self) -> None:
        """Return when it may go on."""

    async def close(self) -> None:
        """Let go of connections."""


class _NoBrake:
    async def hold(self) -> None:
        """Kafka keeps what nobody has read yet."""

    async def close(self) -> None:
        """It has none."""


@dataclass(slots=True)
class Relay:
    """Publishes one service's log, or a shard of it."""

    database_url: str
    sender: Sender
    wake: Reader
    name: str = "relay"
    """Names its place in the log; another name starts again from the beginning."""
    shard: Shard = WHOLE
    contender: Contender = field(default_factory=Contender)
    brake: Brake = field(default_factory=_NoBrake)
    page: int = _PAGE
    poll: float = _POLL
    """Seconds after which it looks although nothing woke it."""
    leads: bool = False
    is_held: bool = False
    """Whether its brake holds it."""
    failed_at: float = float("-inf")
    """When it last failed, by the monotonic clock: what is tried again does not stand still."""
    _measured: float = float("-inf")

    @property
    def cursor(self) -> str:
        """Name of its cursor."""
        return cursor_of(self.name, self.shard)

    async def run(self) -> None:
        """Relay for ever, as leader; stands by while another leads. Cancel to stop."""
        leadership = f"{self.sender.source} {self.cursor}"
        try:
            while True:
                try:
                    async with (
                        leader(self.database_url, leadership, self.contender),
                        direct_connection(self.database_url, leadership) as conn,
                    ):
                        self.leads = True
                        await self._lead(conn)
                except Exception as error:
                    self.failed_at = monotonic()
                    # What a newer version has appended is for its relay: this one makes room for it.
                    if not isinstance(error, (KafkaError, UnknownEventType)) and not is_transient(error):
                        raise
                    # Sockets to either fail alike (OSError), so both are connected again.
                    _log.warning("relay: broker, database or a newer event; connecting again", error=named(error))
                    await self.sender.drop()
                finally:
                    self.leads = False
                await asyncio.sleep(_PAUSE)
        finally:
            await self.brake.close()
            await self.sender.drop()

    async def _lead(self, conn: AsyncConnection) -> None:
        position = await take_up(conn, self.name, self.shard)
        _log.info("relay leads", cursor=self.cursor, after=position)
        await self.sender.connected()
        entries = await self._read(conn, position)
        while True:
            self.is_held = True
            await self.brake.hold()
            self.is_held = False
            await self._measure(conn, position)
            if entries:
                reached = entries[-1].position
                following = await self._send_and_read_on(conn, entries)
            else:
                reached, following = await self._look(conn, position)
            if reached == position or await cursors.move(conn, self.cursor, position, reached):
                position, entries = reached, following
                continue
            _log.warning("relay: another one moved the cursor; reading it again", cursor=self.cursor)
            position = await take_up(conn, self.name, self.shard)
            entries = await self._read(conn, position)

    async def _read(self, conn: AsyncConnection, after: Position) -> list[LogEntry]:
        return await store.read_log(conn, after, self.page, self.shard)

    async def _look(self, conn: AsyncConnection, position: Position) -> tuple[Position, list[LogEntry]]:
        """Wait for more. A quiet shard passes over what others publish, or it would read all of that at each look."""
        await self.wake.wait(self.poll)
        newest = await store.newest(conn)
        entries = await self._read(conn, position)
        return (position if entries else max(position, newest)), entries

    async def _send_and_read_on(self, conn: AsyncConnection, entries: Sequence[LogEntry]) -> list[LogEntry]:
        """Send a page; the next one is read while the broker takes it."""
        reading = asyncio.create_task(self._read(conn, entries[-1].position))
        try:
            await self.sender.send(entries)
        except BaseException:
            reading.cancel()
            raise
        finally:
            # The connection must be idle again, whatever became of the page.
            await asyncio.wait([reading])
        return reading.result()

    async def _measure(self, conn: AsyncConnection, position: Position) -> None:
        if monotonic() - self._measured < _MEASURE_EVERY:
            return
        self._measured = monotonic()
        behind, held_back = await store.backlog(conn, position, self.shard)
        relay_lag.set(behind, {"cursor": self.cursor})
        gate_age.set(held_back)
