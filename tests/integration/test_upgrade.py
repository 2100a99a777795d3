"""An upgrade is rehearsed: expand while the old code serves, run both, then the new alone, contract; nothing fails."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from events.testing import eventually
from events.testing.expansions import objections
from integration.processes import Platform, running_platform
from integration.releases import release
from integration.scenario import Program, open_program
from integration.servers import Kind, running
from viceversa.client import Platform as Apis

pytestmark = pytest.mark.timeout(900)


class Watched(httpx.AsyncHTTPTransport):
    """Leads what is meant for one address to others in turn, as a balancer does, and keeps what failed."""

    def __init__(self, balanced: str) -> None:
        super().__init__()
        self.balanced = httpx.URL(balanced)
        self.to = [self.balanced]
        self.answered = 0
        self.failed: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.port == self.balanced.port:
            self.to.append(self.to.pop(0))
            request.url = request.url.copy_with(port=self.to[0].port)
        try:
            answer = await super().handle_async_request(request)
        except httpx.TransportError as error:
            self.failed.append(f"{request.method} {request.url}: {error!r}")
            raise
        self.answered += 1
        if answer.status_code >= 500:
            self.failed.append(f"{request.method} {request.url}: {answer.status_code}")
        return answer


@pytest.fixture
def alone(kind: Kind, tmp_path: Path) -> Iterator[Platform]:
    """A platform of this test's own: its database will be one that no release of ours knows."""
    with running(kind) as servers, running_platform(servers, tmp_path / "data") as platform:
        yield platform


@asynccontextmanager
async def under_load(program: Program) -> AsyncIterator[list[str]]:
    """People sign up, two at a time, and are looked at, until the block is left; gives the external ids so far."""
    signed_up: list[str] = []
    over = asyncio.Event()

    async def load() -> None:
        number = 0
        while not over.is_set():
            number += 1
            people = [program.person(role, number) for role in ("mentor", "mentee")]
            await program.take_in(people)
            path = f"/v1/programs/{program.id}/participants"
            assert (await program.administrator.get("enrollment", path)).body["items"]
            signed_up.extend(person["external_id"] for person in people)

    loading = asyncio.create_task(load())
    try:
        yield signed_up
    finally:
        over.set()
        await loading


async def test_an_upgrade_across_a_schema_and_an_event_version_fails_nobodys_request(alone: Platform, tmp_path: Path):
    new, newest = release(tmp_path / "new"), release(tmp_path / "newest", contracting=True)
    assert objections(newest / "enrollment" / "migrations") == []
    old = alone.services["enrollment"]
    transport = Watched(old.url)
    async with (
        httpx.AsyncClient(transport=transport, timeout=30) as http,
        asyncpg.create_pool(alone.databases["enrollment"], min_size=0, max_size=2) as store,
    ):
        program = await open_program(Apis(alone.urls, alone.identity_provider, http))
        # Services fetch enrollment's keys at its own address, which is no balancer's, and remember them.
        await program.sign_up([program.person(role, 0) for role in ("mentor", "mentee")])
        async with under_load(program) as signed_up:

            async def goes_on() -> None:
                before = len(signed_up)
                await eventually(lambda: len(signed_up) >= before + 4, within=120)

            await goes_on()
            await migrate(alone, new)
            await goes_on()
            assert await store.fetchval("select bool_and(came_by is null) from participants")

            successor = alone.another("enrollment", "api,relay,consumer,projector").start(PYTHONPATH=str(new))
            await asyncio.to_thread(successor.ready)
            transport.to.append(httpx.URL(successor.url))
            await goes_on()

            transport.to = [httpx.URL(successor.url)]
            await goes_on()
            await asyncio.to_thread(old.stop)
            await goes_on()

            await migrate(alone, newest)
            await goes_on()
        assert transport.failed == []
        assert transport.answered > 50
        versions = await store.fetch(
            "select distinct schema_version from events where type = 'SignUpFileImported' order by schema_version"
        )
        assert [row["schema_version"] for row in versions] == [1, 2]

        async def all_have_arrived() -> None:
            pool = (await program.coordinator.get("matching", f"/v1/programs/{program.id}/pool")).body
            assert pool["mentors"] + pool["mentees"] == len(signed_up) + 2
            assert await store.fetchval("select count(came_by) from participants") == len(signed_up) + 2

        await eventually(all_have_arrived)
        with pytest.raises(asyncpg.NotNullViolationError):
            await store.execute(
                "insert into participants (participant, program, region) values ($1, $1, 'what the old code would do')",
                program.id,
            )


async def migrate(platform: Platform, code: Path) -> None:
    """What `python -m enrollment.main migrate` of another release does."""
    enrollment = platform.services["enrollment"]
    done = await asyncio.to_thread(
        subprocess.run,
        [*enrollment.command, "migrate"],
        env={**os.environ, **enrollment.environment, "PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
