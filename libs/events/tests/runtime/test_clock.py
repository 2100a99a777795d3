"""The clock that can be turned, on a real PostgreSQL: forward, for every process, and never back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.clock import ClockGoesForward, TooFarAhead, TurnableClock
from events.testing.counters import Database

HOUR = timedelta(hours=1)


def ahead(clock: TurnableClock) -> timedelta:
    return clock.now() - datetime.now(UTC)


class _Overtaken:
    """A pool whose next query is answered, and then something else happens before the answer arrives."""

    def __init__(self, clock: TurnableClock, meanwhile: datetime) -> None:
        self._clock, self._meanwhile, self._pool = clock, meanwhile, clock._pool

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        async with self._pool.connect() as conn:
            yield conn
        self._clock._pool = self._pool
        await self._clock.turn(self._meanwhile)


async def test_every_process_comes_to_show_what_one_was_turned_to(database: Database) -> None:
    one, other = TurnableClock(database.pool), TurnableClock(database.pool)
    await one.turn(datetime.now(UTC) + 5 * HOUR)
    await other.read()
    for clock in (one, other):
        assert timedelta(hours=4.9) < ahead(clock) <= 5 * HOUR
        assert clock.turned.is_set()


async def test_a_read_that_a_turn_overtook_does_not_turn_time_back(database: Database) -> None:
    clock = TurnableClock(database.pool)
    await clock.turn(datetime.now(UTC) + HOUR)
    clock._pool = _Overtaken(clock, datetime.now(UTC) + 2 * HOUR)

    await clock.read()

    assert ahead(clock) > timedelta(hours=1.9)


@pytest.mark.parametrize(("to", "refusal"), [(-HOUR, ClockGoesForward), (timedelta(days=40_000), TooFarAhead)])
async def test_a_turn_back_or_beyond_reason_is_refused(
    database: Database, to: timedelta, refusal: type[Exception]
) -> None:
    clock = TurnableClock(database.pool)
    with pytest.raises(refusal):
        await clock.turn(datetime.now(UTC) + to)
    assert ahead(clock) <= timedelta()
