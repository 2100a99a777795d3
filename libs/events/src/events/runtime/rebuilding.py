"""Makes a projection's tables again beside the live ones, while those are used, and puts them in their place.

Pages are transactions of their own: one that stays open would hold back every reader of the log. The live tables are
untouched until the switch, which is one short transaction: writers are held off, what they did last is applied, and
the tables change places. Nothing is ever resumed: code may have changed since, and half of the rows would be the old
code's. `compare` does the same up to the switch, and then counts the rows that differ.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from events.runtime import shadow
from events.runtime.codec import Codec
from events.runtime.comparing import Comparison, compared
from events.runtime.database import asyncpg_url, autocommitting, is_lock_wait
from events.runtime.leadership import leader
from events.runtime.projecting import Projection
from events.runtime.shadow import Shadow, ShapeChanged
from events.runtime.sources import END, Source, Window, source_of
from events.runtime.store import BEGINNING, Position

_log = structlog.get_logger(__name__)

_PAGE = 2_000
_CONNECTIONS = 4
"""To read, to write, to hold writers off, to compare."""
_LOCK_TIMEOUT_MS = 200
"""Readers queue behind a lock that is waited for. Less than PostgreSQL's deadlock_timeout: nobody else fails."""
_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_REPORT_EVERY = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild has come."""

    phase: str
    """`filling`, `switching` or `comparing`."""
    done: int
    """Entries of the log or inbox that the new tables hold."""
    total: int
    """Entries when it began."""


Report = Callable[[AsyncConnection, Progress], Awaitable[None]]
"""Gets an autocommitting connection, seldom."""
Finish = Callable[[AsyncConnection], Awaitable[None]]
"""Runs in the transaction of the switch."""


async def _unreported(_: AsyncConnection, __: Progress) -> None:
    """Nobody wants to know."""


async def _unfinished(_: AsyncConnection) -> None:
    """Nothing else changes with the tables."""


@dataclass(frozen=True, slots=True)
class _Filled:
    """How much of the source the shadow holds."""

    position: Position = BEGINNING
    entries: int = 0

    def with_(self, window: Window) -> "_Filled":
        return _Filled(window.end, self.entries + window.entries)


class Rebuild:
    """One projection, made again from its source by the process that holds its lock. `opened` makes it."""

    def __init__(
        self,
        projection: Projection,
        source: Source,
        reading: AsyncConnection,
        pool: AsyncEngine,
        *,
        report: Report = _unreported,
        page: int = _PAGE,
    ) -> None:
        self.reading = reading
        """In autocommit; one statement at a time."""
        self._projection = projection
        self._source = source
        self._pool = pool
        self._report = report
        self._page = page
        self._shadow: Shadow | None = None
        self._filled = _Filled()
        self._total = 0
        self._reported = float("-inf")

    async def replace(self, finish: Finish = _unfinished) -> None:
        """Make the tables again and put them in the live ones' place. Raises what `apply` raises, and CannotRebuild."""
        made = await self._begin()
        pauses = _pauses()
        while True:
            await self._fill(made)
            await self._tell("switching", at_once=True)
            try:
                if await self._switched(made, finish):
                    return
            except ShapeChanged:
                _log.info("the live tables were migrated; rebuilding again", projection=self._projection.name)
                made = await self._begin()
            except Exception as error:
                if not is_lock_wait(error):
                    raise
                pause = next(pauses)
                _log.info("tables are in use; switching later", projection=self._projection.name, in_seconds=pause)
                await asyncio.sleep(pause)

    async def compare(self) -> Comparison:
        """Make the tables again and say how the live ones differ, both at one place of the source. Changes nothing."""
        made = await self._begin()
        pauses = _pauses()
        while True:
            await self._fill(made, until=await self._source.position(self.reading))
            await self._tell("comparing", at_once=True)
            async with self._pool.connect() as conn:
                await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                try:
                    if await self._at_one_place(made, conn):
                        return await self._compared(made, conn)
                except Exception as error:
                    if not is_lock_wait(error):
                        raise
            await asyncio.sleep(next(pauses))

    async def discard(self) -> None:
        """Leave nothing behind, unless another process took over."""
        if self._shadow is not None:
            async with self._pool.begin() as conn:
                await self._shadow.discard(conn)

    async def _begin(self) -> Shadow:
        self._filled = _Filled()
        async with self._pool.begin() as conn:
            tables = [table.name for table in self._projection.tables]
            made = self._shadow = await shadow.create(conn, self._projection.name, tables)
        self._total = await self._source.count(self.reading)
        await self._tell("filling", at_once=True)
        return made

    async def _fill(self, made: Shadow, until: Position = END) -> None:
        """Apply what the source has, page by page; the next page is read and decoded while the database takes one."""
        pages = 0
        reading = asyncio.create_task(self._read(self._filled, until))
        try:
            while (window := await reading).entries:
                reading = asyncio.create_task(self._read(self._filled.with_(window), until))
                async with self._pool.begin() as conn:
                    await made.come_first(conn)
                    self._filled = await self._applied(conn, made, window)
                pages += 1
                if pages & (pages - 1) == 0:  # each time that they have doubled: a plan made for few rows is never left
                    await self._analyze(made)
        finally:
            # The connection must be idle again, whatever became of the page.
            await asyncio.gather(reading, return_exceptions=True)
        if pages:
            await self._analyze(made)

    async def _read(self, filled: _Filled, until: Position) -> Window:
        await self._tell("filling")
        return await self._source.read(self.reading, filled.position, self._page, until=until)

    async def _applied(self, conn: AsyncConnection, made: Shadow, window: Window) -> _Filled:
        await made.advance(conn, self._filled.position, window.end)
        if window.handled:
            await self._projection.apply(conn, window.handled)
        return self._filled.with_(window)

    async def _analyze(self, made: Shadow) -> None:
        async with self._pool.begin() as conn:
            await made.analyze(conn)

    async def _switched(self, made: Shadow, finish: Finish) -> bool:
        """Switch, if no more than a page came since the last look."""
        async with self._pool.connect() as conn:
            await conn.execute(text(f"set local lock_timeout = {_LOCK_TIMEOUT_MS}"))
            await conn.execute(text("set local synchronous_commit = on"))
            await made.come_first(conn)
            await self._source.hold(conn)
            await made.lock_writers_out(conn)
            window = await self._source.read(conn, self._filled.position, self._page, gated=False)
            if window.entries == self._page:
                # Nothing of it may be kept: what was read without the gate stands beyond places that are still open.
                return False
            filled = await self._applied(conn, made, window)
            await made.take_over(conn)
            await self._source.follow_on(conn, filled.position)
            await finish(conn)
            await conn.commit()
        self._filled = filled
        return True

    async def _at_one_place(self, made: Shadow, conn: AsyncConnection) -> bool:
        """Begin a snapshot in which shadow and live tables hold the same, if no more than a page is missing."""
        async with self._pool.connect() as barrier:
            await barrier.execute(text(f"set local lock_timeout = {_LOCK_TIMEOUT_MS}"))
            await made.lock_writers_out(barrier)
            async with self._pool.begin() as writing:
                await made.come_first(writing)
                until = await self._source.position(writing)
                window = await self._source.read(writing, self._filled.position, self._page, until=until, gated=False)
                if window.entries == self._page:
                    return False
                filled = await self._applied(writing, made, window)
            self._filled = filled
            # Comparing may take long; without an id of its own, a transaction holds nobody back.
            await conn.execute(text("set local transaction_timeout = 0"))
            await conn.execute(select(func.pg_current_snapshot()))
        return True

    async def _compared(self, made: Shadow, conn: AsyncConnection) -> Comparison:
        tables = [await compared(conn, table, made.home, made.schema) for table in made.tables]
        return Comparison(self._projection.name, self._filled.entries, tables)

    async def _tell(self, phase: str, *, at_once: bool = False) -> None:
        if at_once or monotonic() - self._reported >= _REPORT_EVERY:
            self._reported = monotonic()
            done = self._filled.entries
            await self._report(self.reading, Progress(phase, done, max(done, self._total)))


@asynccontextmanager
async def opened(
    database_url: str, projection: Projection, codec: Codec, *, report: Report = _unreported, page: int = _PAGE
) -> AsyncIterator[Rebuild]:
    """Wait until no other process rebuilds this projection; what is not switched in the end is removed."""
    pool = _pool(database_url, f"rebuild {projection.name}")
    try:
        async with leader(database_url, f"rebuild {projection.name}"), autocommitting(pool).connect() as reading:
            rebuild = Rebuild(projection, source_of(projection, codec), reading, pool, report=report, page=page)
            try:
                yield rebuild
            finally:
                with suppress(DBAPIError, OSError):
                    await rebuild.discard()
    finally:
        await pool.dispose()


async def rebuild(database_url: str, projection: Projection, codec: Codec) -> None:
    """Make a projection's tables again and put them in place of the live ones."""
    async with opened(database_url, projection, codec) as rebuilding:
        await rebuilding.replace()


async def compare(database_url: str, projection: Projection, codec: Codec) -> Comparison:
    """Say whether a projection's live tables equal, row for row, what its source makes. Writes may go on meanwhile."""
    async with opened(database_url, projection, codec) as rebuilding:
        return await rebuilding.compare()


def _pool(database_url: str, name: str) -> AsyncEngine:
    settings = {
        "application_name": name,
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
        # A crash may lose the last pages, and with them this attempt; the switch waits for the disk.
        "synchronous_commit": "off",
    }
    return create_async_engine(
        asyncpg_url(database_url),
        pool_size=_CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"server_settings": settings, "timeout": 10, "command_timeout": None},
    )


def _pauses() -> Iterator[float]:
    pause = _PAUSE
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE)
