"""Wishes to rebuild a projection, or to compare it with itself made again: a row each, so that they survive restarts.

Whoever plays the role `projector` carries them out. A process that dies leaves the wish; the next one begins anew.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

import structlog
from pydantic_core import to_jsonable_python
from sqlalchemy import Update, func, null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.runtime.codec import Codec
from events.runtime.comparing import Comparison
from events.runtime.database import is_transient
from events.runtime.logs import named
from events.runtime.projecting import Projection
from events.runtime.rebuilding import Progress, Rebuild, opened
from events.runtime.refusals import Refusal
from events.runtime.schema import rebuilds
from events.runtime.shadow import CannotRebuild, Superseded

_log = structlog.get_logger(__name__)

_LOOK_EVERY = 0.5
_LONGEST_PAUSE = 30.0


class Purpose(StrEnum):
    """What is wished for."""

    REBUILD = "rebuild"
    VERIFY = "verify"
    """Made again beside the live tables, compared with them, and thrown away."""


class RebuildRuns(Refusal):
    """One wish a projection at a time."""

    slug: ClassVar[str] = "rebuild-runs"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "This projection is being rebuilt or verified already"


@dataclass(frozen=True, slots=True)
class Run:
    """The last wish for one projection, and what came of it."""

    projection: str
    purpose: Purpose
    phase: str
    """`waiting`, `filling`, `switching`, `comparing`, `done`, `failed`."""
    events_done: int
    events_total: int
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    failure: str | None
    differences: Sequence[Mapping[str, Any]] | None
    """Of a verification that is done: tables whose rows differ."""

    @property
    def running(self) -> bool:
        """It is wished for, and not finished."""
        return self.finished_at is None

    def events_per_second(self, now: datetime) -> float:
        """Since it started, until now or its end."""
        seconds = ((self.finished_at or now) - self.started_at).total_seconds() if self.started_at else 0
        return self.events_done / seconds if seconds > 0 else 0.0


async def wish(conn: AsyncConnection, projection: str, purpose: Purpose, by: UUID) -> None:
    """Ask for it. Raises RebuildRuns while an earlier wish is open."""
    asked = insert(rebuilds).values(projection=projection, purpose=purpose.value, requested_by=by, phase="waiting")
    anew = {
        "purpose": asked.excluded.purpose,
        "requested_by": asked.excluded.requested_by,
        "requested_at": func.clock_timestamp(),
        "phase": asked.excluded.phase,
        "events_done": 0,
        "events_total": 0,
        **dict.fromkeys(("started_at", "finished_at", "failure", "differences"), null()),
    }
    statement = asked.on_conflict_do_update(
        index_elements=[rebuilds.c.projection], set_=anew, where=rebuilds.c.finished_at.is_not(None)
    )
    if (await conn.execute(statement)).rowcount == 0:
        raise RebuildRuns


async def runs(conn: AsyncConnection) -> dict[str, Run]:
    """The last wish for each projection."""
    rows = await conn.execute(select(*(rebuilds.c[name] for name in Run.__dataclass_fields__)))
    return {row.projection: Run(row.projection, Purpose(row.purpose), *row[2:]) for row in rows}


class _Wish:
    """One open wish, as its row is written."""

    def __init__(self, projection: Projection, purpose: Purpose, requested_at: datetime) -> None:
        self.projection = projection
        self.purpose = purpose
        self._requested_at = requested_at

    async def begin(self, conn: AsyncConnection) -> bool:
        """Say that it begins, from nothing; False when another process has carried it out meanwhile."""
        begun = self._update().values(started_at=func.clock_timestamp(), phase="filling", events_done=0, events_total=0)
        return (await conn.execute(begun)).rowcount == 1

    async def progressed(self, conn: AsyncConnection, progress: Progress) -> None:
        """Say how far it has come."""
        await conn.execute(
            self._update().values(phase=progress.phase, events_done=progress.done, events_total=progress.total)
        )

    async def done(self, conn: AsyncConnection, comparison: Comparison | None = None) -> None:
        """Say that it is done, and what differs."""
        finished = self._update().values(finished_at=func.clock_timestamp(), phase="done")
        if comparison is not None:
            differences = [asdict(table) for table in comparison.tables if not table.equal]
            finished = finished.values(
                events_done=comparison.entries,
                events_total=func.greatest(rebuilds.c.events_total, comparison.entries),
                differences=to_jsonable_python(differences),
            )
        await conn.execute(finished)

    async def failed(self, conn: AsyncConnection, failure: str) -> None:
        """Say why it will not be."""
        await conn.execute(self._update().values(finished_at=func.clock_timestamp(), phase="failed", failure=failure))

    def _update(self) -> Update:
        return update(rebuilds).where(
            rebuilds.c.projection == self.projection.name,
            rebuilds.c.requested_at == self._requested_at,
            rebuilds.c.finished_at.is_(None),
        )


@dataclass(frozen=True, slots=True)
class Rebuilder:
    """Carries out wishes, one after the other."""

    database_url: str
    pool: AsyncEngine
    codec: Codec
    projections: Sequence[Projection]

    async def run(self) -> None:
        """Look for wishes for ever. Cancel to stop: what is not done is begun anew by the next process."""
        pause = _LOOK_EVERY
        while True:
            try:
                await self.once()
                pause = _LOOK_EVERY
            except Exception as error:
                if not is_transient(error):
                    raise
                _log.warning("a rebuild begins anew: the database failed", error=named(error))
                pause = min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def once(self) -> None:
        """Carry out every open wish."""
        by_name = {projection.name: projection for projection in self.projections}
        open_ones = (
            select(rebuilds.c.projection, rebuilds.c.purpose, rebuilds.c.requested_at)
            .where(rebuilds.c.finished_at.is_(None))
            .order_by(rebuilds.c.requested_at)
        )
        async with self.pool.connect() as conn:
            rows = (await conn.execute(open_ones)).all()
        for name, purpose, requested_at in rows:
            # A newer version's projection is for that version's processes.
            if name in by_name:
                await self._carry_out(_Wish(by_name[name], Purpose(purpose), requested_at))

    async def _carry_out(self, wish: _Wish) -> None:
        async with opened(self.database_url, wish.projection, self.codec, report=wish.progressed) as rebuild:
            async with self.pool.begin() as conn:
                if not await wish.begin(conn):
                    return
            _log.info("a rebuild begins", projection=wish.projection.name, purpose=wish.purpose)
            try:
                await self._make(wish, rebuild)
            except Superseded:
                _log.warning("another process rebuilds this projection", projection=wish.projection.name)
            except Exception as error:
                if is_transient(error):
                    raise
                _log.exception("a rebuild failed; the live tables are as they were", projection=wish.projection.name)
                async with self.pool.begin() as conn:
                    await wish.failed(conn, str(error) if isinstance(error, CannotRebuild) else named(error))
            else:
                _log.info("a rebuild is done", projection=wish.projection.name, purpose=wish.purpose)

    async def _make(self, wish: _Wish, rebuild: Rebuild) -> None:
        match wish.purpose:
            case Purpose.REBUILD:
                await rebuild.replace(wish.done)
            case Purpose.VERIFY:
                comparison = await rebuild.compare()
                async with self.pool.begin() as conn:
                    await wish.done(conn, comparison)
