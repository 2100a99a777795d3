"""A large enterprise signs up on one machine, over a broker that forgets: nobody is lost on the way."""

import csv
import io
from pathlib import Path

import asyncpg
import httpx
import pytest

from events.testing import eventually
from integration.scenario import COLUMNS, Program, open_program, permitted
from viceversa.client import Platform as Apis
from viceversa.platform.local import LocalPlatform

PEOPLE = 20_000


def sign_up_file(program: Program) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    for number in range(PEOPLE // 2):
        writer.writerow(program.person("mentor", number))
        writer.writerow(program.person("mentee", number))
    return file.getvalue().encode()


async def count(url: str, query: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.timeout(900)
async def test_twenty_thousand_sign_ups_reach_every_service_on_the_local_broker(tmp_path: Path):
    async with (
        LocalPlatform(tmp_path / "data") as platform,
        httpx.AsyncClient(timeout=300, trust_env=False) as http,
    ):
        program = await open_program(Apis(platform.urls, platform.identity_provider, http))
        path = f"/v1/programs/{program.id}/imports"
        report = (await program.administrator.upload("enrollment", path, sign_up_file(program))).body
        assert (report["rows"], report["enrolled"], report["rejected"]) == (PEOPLE, PEOPLE, 0)

        async def all_in_the_pool() -> None:
            pool = await permitted(lambda: program.coordinator.get("matching", f"/v1/programs/{program.id}/pool"))
            assert (pool.body["mentors"], pool.body["mentees"]) == (PEOPLE // 2, PEOPLE // 2)

        async def all_are_members(service: str) -> None:
            assert await count(platform.databases[service], "select count(*) from members") == PEOPLE

        await eventually(all_in_the_pool, within=600, every=1)
        for service in ("matching", "sessions", "feedback"):
            await eventually(lambda service=service: all_are_members(service), within=120, every=1)
