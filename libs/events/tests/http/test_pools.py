"""Callers that hang up and sessions that the server ends, at random: pools stay whole, and commands happen once.

SQLAlchemy gave sessions back into the pool that the server had ended in their transaction (#13241), and those of tasks
that were cancelled (#13381).
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import APIRouter, Depends, Response
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from events.runtime.http import Answer, Call, Edge
from events.runtime.private_events import EventTypes
from events.runtime.schema import events
from events.runtime.service import ServiceDefinition
from events.runtime.settings import ServiceSettings
from events.testing import eventually
from events.testing.counters import COUNTER, TYPES, increase
from events.testing.service import RunningService, running, settings_for

REQUESTS = 400
AT_ONCE = 40
OURS = "datname = current_database() and application_name like 'test %'"


def routes(edge: Edge) -> APIRouter:
    router = APIRouter()

    @router.get("/counters/{counter}", **edge.action("me.read"))
    async def read(counter: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        version, state = await call.load(COUNTER.stream(counter))
        return call.reply(Answer({"value": state.value}, version=version))

    @router.post("/counters/{counter}/{mark}", **edge.action("me.read"))
    async def change(counter: UUID, mark: str, call: Annotated[Call, Depends(edge.call)]) -> Response:
        return await call.execute(increase(counter, text=mark), lambda _: Answer({"mark": mark}))

    return router


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[RunningService]:
    definition = ServiceDefinition(
        name="test",
        events=EventTypes(list(TYPES)),
        publications={},
        routes=routes,
        migrations=Path(__file__).parent / "migrations",
        reactions={},
    )
    async with running(definition, ServiceSettings(**settings_for(database_url, tmp_path))) as service:
        yield service


async def fill(pool: AsyncEngine, size: int) -> None:
    """Take every connection of a pool at once. A session that was ended last is replaced as soon as it is noticed."""
    try:
        async with AsyncExitStack() as stack, asyncio.timeout(30):
            for _ in range(size):
                conn = await stack.enter_async_context(pool.connect())
                assert await conn.scalar(text("select 1")) == 1
    except DBAPIError as error:
        raise AssertionError("a connection was dead") from error


async def pools_are_whole(service: RunningService, operator: asyncpg.Connection) -> None:
    pools = {service.service.write_pool: 6, service.service.read_pool: 8, service.service.key_pool: 2}
    await eventually(lambda: sum(pool.pool.checkedout() for pool in pools) == 0)
    for pool, size in pools.items():
        await eventually(partial(fill, pool, size))

    async def no_session_is_lost_or_in_a_transaction() -> None:
        states = [row["state"] for row in await operator.fetch(f"select state from pg_stat_activity where {OURS}")]
        assert states == ["idle"] * len(states)
        assert len(states) <= sum(pools.values())

    await eventually(no_session_is_lost_or_in_a_transaction)


async def every_command_is_there_once(service: RunningService, acknowledged: set[str]) -> None:
    """Of those that nobody waited for, once or not at all."""
    async with service.service.read_pool.connect() as conn:
        stored = Counter(await conn.scalars(select(events.c.data["text"].as_string())))
        versions = (await conn.execute(select(events.c.stream_id, events.c.stream_version))).all()
    assert set(stored.values()) == {1}
    assert acknowledged <= stored.keys()
    for stream in {stream for stream, _ in versions}:
        of_stream = sorted(version for other, version in versions if other == stream)
        assert of_stream == list(range(1, len(of_stream) + 1))


@pytest.mark.parametrize("seed", [1, 2])
async def test_requests_cancelled_and_sessions_ended_at_random_leave_whole_pools_and_each_command_once(
    service: RunningService, database_url: str, seed: int
):
    chance = random.Random(seed)
    counters = [uuid4() for _ in range(8)]
    token = service.token(uuid4())
    acknowledged: set[str] = set()
    answered = asyncio.Event()
    given_up = 0
    going = asyncio.Semaphore(AT_ONCE)
    operator = await asyncpg.connect(database_url)
    ended = 0

    async def request(mark: str) -> None:
        nonlocal given_up
        counter = chance.choice(counters)
        keyed = {"idempotency-key": mark} if chance.random() < 0.4 else {}
        reads, patience = chance.random() < 0.3, chance.choice([0.001, 0.005, 0.02, None, None])
        async with going:
            asking = (
                service.client.get(f"/counters/{counter}", headers=token)
                if reads
                else service.client.post(f"/counters/{counter}/{mark}", headers=token | keyed)
            )
            try:
                async with asyncio.timeout(patience):
                    answer = await asking
            except TimeoutError:
                given_up += 1
            else:
                # Whoever waits for a command is answered, whatever was ended meanwhile; a read may be asked again.
                assert answer.status_code in ((200, 503) if reads else (200,)), answer.text
                answered.set()
                if not reads:
                    acknowledged.add(mark)

    async def end_sessions() -> None:
        nonlocal ended
        while True:
            victims = f"select pid from pg_stat_activity where {OURS} order by random() limit 2"
            ended += await operator.fetchval(f"select count(pg_terminate_backend(pid)) from ({victims}) as victim")
            # Some pass between two strikes however slow the machine is; else a command would fail too often in a row.
            for _ in range(chance.randint(1, 4)):
                answered.clear()
                await answered.wait()

    ending = asyncio.create_task(end_sessions())
    try:
        await asyncio.gather(*(request(f"mark-{number}") for number in range(REQUESTS)))
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
    await service.service.commands.close()

    assert ended >= 20
    assert given_up > REQUESTS / 20

    assert len(acknowledged) > REQUESTS / 10
    await pools_are_whole(service, operator)
    await every_command_is_there_once(service, acknowledged)
    await operator.close()
