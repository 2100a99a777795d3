"""One leads at a time, a leader that falls silent loses, and several things to lead in spread over processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from events.runtime import leadership
from events.runtime.leadership import Contender, LeadershipLost, leader
from events.testing import eventually


@asynccontextmanager
async def leading(url: str, name: str, contender: Contender | None = None) -> AsyncIterator[asyncio.Event]:
    """Contends in the background; the event is set while it leads."""
    leads = asyncio.Event()

    async def contend() -> None:
        async with leader(url, name, contender):
            leads.set()
            try:
                await asyncio.Event().wait()
            finally:
                leads.clear()

    contending = asyncio.create_task(contend())
    try:
        yield leads
    finally:
        contending.cancel()
        with suppress(asyncio.CancelledError, LeadershipLost, DBAPIError):
            await contending


async def end_session_of(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1"
        assert await connection.fetchval(ended, name)
    finally:
        await connection.close()


async def test_a_leader_that_falls_silent_loses_although_its_connection_stays_open(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(leadership, "SILENCE", 1.0)
    monkeypatch.setattr(leadership, "_HEARTBEAT", 600)
    async with leading(database_url, "frozen") as first:
        await first.wait()
        async with leading(database_url, "frozen") as second, asyncio.timeout(10):
            assert not second.is_set()
            await second.wait()
        # A process that was frozen did not notice either.
        assert first.is_set()


async def test_a_heartbeat_keeps_a_leader_whose_work_takes_longer_than_the_silence_that_would_end_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(leadership, "SILENCE", 1.0)
    monkeypatch.setattr(leadership, "_HEARTBEAT", 0.1)
    async with leading(database_url, "busy") as first:
        await first.wait()
        async with leading(database_url, "busy") as second:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second.wait(), 2.5)
        assert first.is_set()


async def test_whoever_leads_no_more_is_told_in_the_midst_of_its_work(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(leadership, "_HEARTBEAT", 0.1)

    async def work() -> None:
        async with leader(database_url, "ended"):
            await end_session_of(database_url, "ended")
            await asyncio.Event().wait()

    async with asyncio.timeout(10):
        with pytest.raises(LeadershipLost):
            await work()


async def test_what_the_work_raises_passes_through_as_it_is(database_url: str):
    with pytest.raises(TimeoutError, match="mine"):
        async with leader(database_url, "failing"):
            raise TimeoutError("mine")
    async with asyncio.timeout(5), leader(database_url, "failing"):
        pass


async def test_a_process_takes_one_leadership_after_the_other_so_that_another_process_gets_some(
    database_url: str,
):
    both = [Contender(), Contender()]
    async with (
        leading(database_url, "shard 1", both[0]) as one,
        leading(database_url, "shard 2", both[0]) as two,
        leading(database_url, "shard 1", both[1]) as uno,
        leading(database_url, "shard 2", both[1]) as due,
    ):
        await eventually(lambda: one.is_set() + two.is_set() == 1 and uno.is_set() + due.is_set() == 1)


async def test_a_process_that_is_alone_leads_everywhere(database_url: str):
    alone = Contender()
    async with (
        leading(database_url, "here", alone) as here,
        leading(database_url, "there", alone) as there,
        asyncio.timeout(10),
    ):
        await here.wait()
        await there.wait()
        assert here.is_set()
