"""An operator sees how far each projection is, has one made again or verified; nobody else knows that they exist."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import APIRouter
from sqlalchemy import text

from events.contracts.sessions import AgreementSigned
from events.runtime.private_events import EventTypes
from events.runtime.service import ServiceDefinition
from events.runtime.settings import ServiceSettings
from events.testing.counters import TYPES, increase
from events.testing.service import RunningService, running, settings_for
from events.testing.tallies import AGREEMENTS, TOTALS, metadata


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[RunningService]:
    definition = ServiceDefinition(
        name="test",
        events=EventTypes(list(TYPES)),
        publications={},
        routes=lambda _: APIRouter(),
        migrations=Path(__file__).parent / "migrations",
        reactions={},
        store_projections=(TOTALS,),
        topic_projections=(AGREEMENTS,),
    )
    async with running(definition, ServiceSettings(**settings_for(database_url, tmp_path))) as service:
        async with service.service.write_pool.begin() as conn:
            await conn.run_sync(metadata.create_all)
        yield service


async def ask(service: RunningService, method: str, path: str, *, roles=("operator",)):
    return await service.client.request(method, f"/v1/projections{path}", headers=service.token(roles=roles))


async def listed(service: RunningService) -> dict[str, dict]:
    answer = await ask(service, "GET", "")
    assert answer.status_code == 200, answer.text
    return {item["projection"]: item for item in answer.json()["items"]}


async def test_each_says_what_it_follows_and_how_far_it_is_behind(service: RunningService):
    await service.execute(increase(uuid4()))
    await service.deliver(AgreementSigned(pair=uuid4(), program=uuid4()))
    found = await listed(service)
    assert list(found) == ["agreements", "totals"]
    assert found["agreements"] == {
        "projection": "agreements",
        "source": "inbox",
        "tables": ["agreements"],
        "events_behind": 0,
        "seconds_behind": None,
        "last_run": None,
    }
    assert (found["totals"]["source"], found["totals"]["events_behind"]) == ("store", 1)
    assert found["totals"]["seconds_behind"] > 0
    await service.settle()
    found = await listed(service)
    assert (found["totals"]["events_behind"], found["totals"]["seconds_behind"]) == (0, 0)


@pytest.mark.parametrize("name", ["totals", "agreements"])
async def test_a_projection_is_made_again_on_demand(service: RunningService, name: str):
    await service.execute(increase(uuid4()))
    await service.deliver(AgreementSigned(pair=uuid4(), program=uuid4()))
    await service.settle()
    async with service.service.write_pool.begin() as conn:
        await conn.execute(text(f"update {name} set seen = 7"))
    accepted = await ask(service, "POST", f"/{name}/rebuild")
    assert (accepted.status_code, accepted.json()["phase"]) == (202, "waiting")
    again = await ask(service, "POST", f"/{name}/verify")
    assert (again.status_code, again.json()["type"]) == (409, "urn:problem-type:rebuild-runs")
    await service.service.rebuilder().once()
    run = (await listed(service))[name]["last_run"]
    assert (run["purpose"], run["phase"], run["events_done"], run["events_total"]) == ("rebuild", "done", 1, 1)
    assert run["equal"] is None
    async with service.service.read_pool.connect() as conn:
        assert await conn.scalar(text(f"select seen from {name}")) == 1


async def test_a_verification_says_whether_all_rows_are_equal_and_which_are_not(service: RunningService):
    counter = uuid4()
    await service.execute(increase(counter))
    await service.settle()
    for damage, equal in ((None, True), ("update totals set seen = 7", False)):
        if damage:
            async with service.service.write_pool.begin() as conn:
                await conn.execute(text(damage))
        assert (await ask(service, "POST", "/totals/verify")).status_code == 202
        await service.service.rebuilder().once()
        run = (await listed(service))["totals"]["last_run"]
        assert (run["phase"], run["equal"]) == ("done", equal)
    [difference] = run["differences"]
    assert (difference["table"], difference["keys"]) == ("totals", [{"counter": str(counter)}])


async def test_a_projection_that_there_is_not_is_said_to_be_none(service: RunningService):
    answer = await ask(service, "POST", "/nothing/rebuild")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem-type:no-such-projection")


@pytest.mark.parametrize("roles", [(), ("administrator",), ("auditor",)])
async def test_nobody_but_an_operator_knows_of_them(service: RunningService, roles):
    for method, path in (("GET", ""), ("POST", "/totals/rebuild"), ("POST", "/totals/verify")):
        answer = await ask(service, method, path, roles=roles)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem-type:not-found")
