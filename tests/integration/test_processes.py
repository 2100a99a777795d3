"""How the processes of a service stop, and how its roles work together from a process each."""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Program
from integration.servers import Kind

pytestmark = pytest.mark.timeout(600)

CRASH_POINT = Path(__file__).with_name("crash_point.py")


async def test_the_roles_of_a_service_work_together_from_a_process_each(platform: Platform, program: Program):
    matching = platform.services["matching"]
    matching.stop()
    matching.start(ROLES="api").ready()
    for role in ("relay", "consumer", "projector"):
        platform.another("matching", role).start().ready()
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in (1, 2)])
    assert len(await program.pair_up()) == 2


async def test_a_process_that_is_told_to_stop_finishes_the_request_in_hand_and_takes_no_other(
    platform: Platform, program: Program
):
    await program.sign_up([program.person(role, 1) for role in ("mentor", "mentee")])
    enrollment = platform.services["enrollment"]
    participant = next(iter(program.participants))
    process = enrollment.process
    assert process is not None
    holder = await asyncpg.connect(platform.databases["enrollment"])
    try:
        holding = holder.transaction()
        await holding.start()
        # Whoever appends the participant's next version waits for this row.
        await holder.execute(
            """insert into events (event_id, stream_id, stream_version, type, schema_version, data, metadata)
            select gen_random_uuid(), stream_id, max(stream_version) + 1, 'Held', 1, '{}', '{}'
            from events where stream_id = $1 group by stream_id""",
            participant,
        )
        withdrawing = asyncio.create_task(program.withdraw(participant))

        async def waits() -> None:
            waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = 'enrollment'"
            assert await holder.fetchval(waiting)

        await eventually(waits)
        process.terminate()

        async def takes_no_other() -> bool:
            async with httpx.AsyncClient(trust_env=False) as client:
                try:
                    await client.get(f"{enrollment.url}/livez")
                except httpx.TransportError:
                    return True
            return False

        await eventually(takes_no_other)
        assert not withdrawing.done()
        await holding.rollback()
    finally:
        await holder.close()
    await withdrawing
    assert await asyncio.to_thread(process.wait, 30) == 0
    assert [json.loads(line)["event"] for line in enrollment.log.read_text().splitlines()][-1] == "stopping"


async def test_a_process_that_stops_leaves_its_consumer_groups_at_once(platform: Platform):
    if platform.servers.kind is Kind.LOCAL:
        pytest.skip("the local broker does not describe groups")
    matching = platform.services["matching"]
    matching.stop()
    admin = AdminClient({"bootstrap.servers": platform.servers.kafka})
    groups = admin.describe_consumer_groups(["matching.reactor", "matching.membership"])
    found = [await asyncio.to_thread(group.result, 10) for group in groups.values()]
    assert [(group.state, group.members) for group in found] == [(ConsumerGroupState.EMPTY, [])] * 2


async def test_a_consumer_that_falls_silent_asks_for_a_restart_and_one_that_gets_on_does_not(
    platform: Platform, program: Program, tmp_path: Path
):
    matching, group, soon = platform.services["matching"], "matching.membership", {"STANDS_STILL_AFTER_SECONDS": "8"}
    matching.stop()
    reached = tmp_path / "reached"
    command = (sys.executable, str(CRASH_POINT), "matching", group, str(reached))
    silent = platform.another("matching", "consumer", *command).start(**soon).ready()
    working = platform.another("matching", "relay").start(**soon).ready()
    path = f"/v1/programs/{program.id}/participants"
    person = {name: value for name, value in program.person("mentor", 1).items() if value}
    await program.administrator.post("enrollment", path, person)
    await eventually(reached.exists)

    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:

        async def asked() -> None:
            answer = await client.get(f"{silent.url}/livez")
            assert answer.status_code == 503
            still = answer.json()["stands_still"]
            assert {name.split()[0] for name in still} == {group}
            assert min(still.values()) >= 8

        await eventually(asked)
        assert "progress" in (await client.get(f"{silent.url}/readyz")).json()["missing"]
        answer = await client.get(f"{working.url}/livez")
        assert (answer.status_code, answer.json()) == (200, {"status": "alive", "stands_still": {}})
