"""Projections are made again on demand while the platform works; a process that is killed meanwhile costs nothing."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
from typer.testing import CliRunner

from events.runtime.service import ServiceDefinition
from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Program
from viceversa.client import Caller
from viceversa.main import app
from viceversa.operations.connection import TOKEN

Projections = dict[tuple[str, str], dict[str, Any]]


async def projections(operator: Caller, platform: Platform) -> Projections:
    """All of all services, by service and name."""
    return {
        (service, item["projection"]): item
        for service in platform.services
        for item in (await operator.get(service, "/v1/projections")).body["items"]
    }


async def ask_for_all(operator: Caller, platform: Platform, purpose: str) -> Projections:
    """Wish for it at every projection; answers what came of it."""
    names = await projections(operator, platform)
    for service, name in names:
        await operator.post(service, f"/v1/projections/{name.replace(' ', '%20')}/{purpose}")

    async def all_done() -> Projections:
        found = await projections(operator, platform)
        open_ones = {key: item["last_run"] for key, item in found.items() if item["last_run"]["phase"] != "done"}
        assert not open_ones
        assert {item["last_run"]["purpose"] for item in found.values()} == {purpose}
        return found

    return await eventually(all_done, within=120)


async def tables(platform: Platform, of: Projections) -> dict[tuple[str, str], int]:
    """The identity of each table of these projections: another one when it was replaced."""
    return {
        (service, table): await value(platform, service, "select $1::regclass::oid", table)
        for (service, _), item in of.items()
        for table in item["tables"]
    }


async def value(platform: Platform, service: str, query: str, *arguments: Any) -> Any:
    connection = await asyncpg.connect(platform.databases[service])
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


def people(program: Program) -> Iterator[dict[str, Any]]:
    for number in range(100, 10_000):
        person = program.person("mentor", number)
        yield {name: text for name, text in person.items() if text} | {"grade": 1, "capacity": 1}


async def test_every_projection_is_rebuilt_while_people_sign_up_and_is_equal_row_for_row(
    platform: Platform, program: Program, definitions: dict[str, ServiceDefinition]
):
    operator = program.platform.caller(f"{program.token}-operator", "operator")
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in (1, 2)])
    for pair in await program.pair_up():
        await program.agree(pair)
        await program.plan(pair, pair.mentor, days=2)
    known = await projections(operator, platform)
    assert set(known) == {(name, each.name) for name, wired in definitions.items() for each in wired.projections}
    before = await tables(platform, known)
    signed_up, rebuilt = 0, asyncio.Event()

    async def sign_up() -> None:
        nonlocal signed_up
        for person in people(program):
            await program.administrator.post("enrollment", f"/v1/programs/{program.id}/participants", person)
            signed_up += 1
            if rebuilt.is_set():
                return

    async with asyncio.TaskGroup() as group:
        group.create_task(sign_up())
        found = await ask_for_all(operator, platform, "rebuild")
        verified = await ask_for_all(operator, platform, "verify")
        rebuilt.set()
    after = await tables(platform, found)
    assert signed_up > 1
    assert not set(before.values()) & set(after.values())
    for item in (verified, await ask_for_all(operator, platform, "verify")):
        assert {key: each["last_run"]["differences"] for key, each in item.items()} == {key: [] for key in found}

    async def nothing_is_behind() -> None:
        assert not any(each["events_behind"] for each in (await projections(operator, platform)).values())

    await eventually(nothing_is_behind)
    members = await value(platform, "matching", "select count(*) from members where program = $1", program.id)
    assert members == 4 + signed_up


async def test_a_service_that_is_killed_in_the_middle_finishes_when_it_runs_again(platform: Platform, program: Program):
    operator = program.platform.caller(f"{program.token}-operator", "operator")
    await program.sign_up([program.person("mentor", 1), program.person("mentee", 1)])
    table = await value(platform, "matching", "select 'members'::regclass::oid")

    async def phase() -> str:
        return (await projections(operator, platform))["matching", "membership"]["last_run"]["phase"]

    async def has_come_to(wanted: str) -> None:
        assert await phase() == wanted

    reading = await asyncpg.connect(platform.databases["matching"])
    try:
        async with reading.transaction():
            await reading.fetch("select * from members")
            await operator.post("matching", "/v1/projections/membership/rebuild")
            await eventually(lambda: has_come_to("switching"))
            platform.services["matching"].kill()
            assert await reading.fetchval("select 'members'::regclass::oid") == table
    finally:
        await reading.close()
    assert await value(platform, "matching", "select count(*) from members where program = $1", program.id) == 2
    platform.services["matching"].start().ready()
    await eventually(lambda: has_come_to("done"), within=60)
    assert await value(platform, "matching", "select 'members'::regclass::oid") != table
    assert await value(platform, "matching", "select count(*) from members where program = $1", program.id) == 2
    assert await value(platform, "matching", "select count(*) from pg_namespace where nspname like 'rebuild%'") == 0


async def test_an_operator_verifies_a_service_from_the_command_line(
    platform: Platform, program: Program, definitions: dict[str, ServiceDefinition]
):
    await program.sign_up([program.person("mentor", 1), program.person("mentee", 1)])
    token, _ = await program.platform.sign_in(f"{program.token}-operator", ["operator"])
    words = ["projections", "verify", "--all", "--url", platform.urls["matching"]]
    result = await asyncio.to_thread(CliRunner().invoke, app, words, env={TOKEN: token})
    assert result.exit_code == 0, result.output
    for projection in definitions["matching"].projections:
        assert f"matching/{projection.name}: equal, row for row" in result.output
