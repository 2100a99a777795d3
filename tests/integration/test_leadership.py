"""Relays and due work lose their lead, their process, their shards or their broker: nothing is lost or disordered."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from events.runtime.leadership import SILENCE
from events.testing import eventually
from integration.processes import Platform
from integration.processes import Program as Process
from integration.scenario import Pair, Program
from integration.topics import everything_told, first_versions, nobody_is_behind, told_of

pytestmark = pytest.mark.timeout(600)

TOPIC = "viceversa.sessions.restricted.v1"
TAKES_OVER_WITHIN = SILENCE + 5
LEADS, LOSES = "relay leads", "relay: broker, database or a newer event; connecting again"


@pytest.fixture
async def pairs(platform: Platform, program: Program) -> list[Pair]:
    """Two pairs who agreed how they work together, so that they can plan."""
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in (1, 2)])
    pairs = await program.pair_up()
    for pair in pairs:
        await program.agree(pair)
    return pairs


@asynccontextmanager
async def planning(
    platform: Platform, program: Program, pairs: list[Pair]
) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Pairs plan sessions all the time; gives a wait until subscribers hear so many more than when it was asked.

    In the end everything that was planned must have been told, in the order of each key.
    """
    planned: set[str] = set()

    async def plan(pair: Pair) -> None:
        while True:
            session = await program.plan(pair, pair.mentor, days=1)
            planned.add(session)
            # Otherwise the calendar would soon be full.
            await program.caller(pair.mentee).change(
                "sessions", f"/v1/engagements/{pair.id}", f"sessions/{session}/cancel", {}
            )

    async def told() -> set[str]:
        events = filter(told_of("SessionScheduled", program=program.id), await everything_told(kafka, (TOPIC,)))
        return {event.data["session"] for event in events}

    async def hear(more: int) -> None:
        before = len(await told())

        async def heard() -> None:
            assert len(await told()) >= before + more

        await eventually(heard, within=60)

    async def all_told() -> None:
        assert await told() >= planned

    kafka = platform.servers.kafka
    load = [asyncio.create_task(plan(pair)) for pair in pairs]
    try:
        yield hear
    finally:
        for task in load:
            task.cancel()
        ended = await asyncio.gather(*load, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended
    await eventually(all_told, within=60)
    versions = first_versions(await everything_told(kafka, (TOPIC,)))
    assert max(map(len, versions.values())) > 10
    for key, seen in versions.items():
        assert seen == sorted(seen), key


async def test_a_relay_that_freezes_loses_its_lead_returns_and_changes_nothing(
    platform: Platform, program: Program, pairs: list[Pair]
):
    platform.services["sessions"].stop()
    platform.services["sessions"].start(ROLES="api,consumer,projector").ready()
    relays = [platform.another("sessions", "relay").start().ready() for _ in range(2)]

    def the_one_that_leads() -> Process:
        leading = [relay for relay in relays if relay.says(LEADS, LOSES)[-1:] == [LEADS]]
        assert len(leading) == 1
        return leading[0]

    async with planning(platform, program, pairs) as hear:
        for _ in range(2):
            frozen = await eventually(the_one_that_leads)
            (standby,) = [relay for relay in relays if relay is not frozen]
            before = led(standby)
            frozen.freeze()
            try:
                since = time.monotonic()
                await eventually(lambda standby=standby, before=before: led(standby) > before)
                assert time.monotonic() - since < TAKES_OVER_WITHIN
                await hear(5)
            finally:
                frozen.thaw()
            await eventually(lambda frozen=frozen: frozen.says(LEADS, LOSES)[-1] == LOSES)
            await hear(5)
            assert the_one_that_leads() is standby


async def test_due_work_goes_on_in_another_process_when_the_one_that_does_it_freezes(platform: Platform):
    matching = platform.services["matching"]
    matching.stop()
    matching.start(ROLES="api,relay,consumer").ready()
    connection = await asyncpg.connect(platform.databases["matching"])
    at_work = """select a.pid from pg_locks l join pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.granted and a.application_name = 'matching due work'"""

    async def works(other_than: int | None = None) -> int:
        pid = await connection.fetchval(at_work)
        assert pid not in (None, other_than)
        return pid

    try:
        frozen = platform.another("matching", "projector").start().ready()
        first = await eventually(works)
        platform.another("matching", "projector").start().ready()
        frozen.freeze()
        try:
            second = await eventually(lambda: works(other_than=first), within=TAKES_OVER_WITHIN)
        finally:
            frozen.thaw()
        await eventually(lambda: frozen.says("due work: the database failed"))
        assert await works() == second
    finally:
        await connection.close()


async def test_shards_that_become_more_and_fewer_under_load_lose_nothing_and_disorder_no_key(
    platform: Platform, program: Program, pairs: list[Pair]
):
    sessions = platform.services["sessions"]
    sessions.stop()
    sessions.start(ROLES="api,consumer,projector").ready()
    async with planning(platform, program, pairs) as hear:
        former = [platform.another("sessions", "relay").start().ready()]
        await hear(5)
        for number in (4, 2, 1):
            # The new number begins while the former one still runs, as when a service is rolled out.
            relays = [platform.another("sessions", "relay").start(RELAY_SHARDS=str(number)).ready() for _ in range(2)]
            await hear(5)
            for relay in former:
                relay.stop()
            await eventually(lambda relays=relays, number=number: sum(map(led, relays)) == number)
            await hear(5)
            former = relays


async def test_a_broker_that_is_killed_and_starts_again_under_load_gets_everything_in_order(
    platform: Platform, program: Program, pairs: list[Pair]
):
    restart_kafka = platform.servers.restart_kafka
    if restart_kafka is None:
        pytest.skip("this broker cannot be started again with its log")
    async with planning(platform, program, pairs) as hear:
        for _ in range(2):
            await hear(5)
            await asyncio.to_thread(restart_kafka)
            await hear(5)
    assert all(service.runs for service in platform.services.values())
    await eventually(lambda: nobody_is_behind(platform.servers.kafka), within=60)


def led(relay: Process) -> int:
    """Shards that a process has begun to lead."""
    return len(relay.says(LEADS))
