"""A service whose log came from another cluster says so and ends; renumbered, it goes on."""

import os
import subprocess

import asyncpg
import pytest

from events.testing import eventually
from integration.processes import Platform
from integration.processes import Program as Process
from integration.scenario import Program
from integration.topics import everything_told, first_versions, nobody_is_behind

pytestmark = pytest.mark.timeout(600)


def renumber(service: Process) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **service.environment}
    return subprocess.run(
        [*service.command, "renumber"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


async def test_a_service_refuses_ids_that_lie_ahead_and_goes_on_once_they_are_renumbered(
    platform: Platform, program: Program
):
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in (1, 2)])
    await program.pair_up()
    await eventually(lambda: nobody_is_behind(platform.servers.kafka), within=60)
    told = len(await everything_told(platform.servers.kafka, ("viceversa.matching.v1",)))
    matching = platform.services["matching"]
    matching.stop()
    connection = await asyncpg.connect(platform.databases["matching"], server_settings={"application_name": "psql"})
    try:
        # As a dump does that is restored where fewer transactions have been.
        for table in ("events", "inbox", "cursors"):
            await connection.execute(
                f"update {table} set transaction_id = (transaction_id::text::bigint + 10000000000)::text::xid8"
            )
        process = matching.start().process
        assert process is not None
        assert process.wait(60) == 1
        assert "python -m matching.main renumber" in matching.log.read_text().splitlines()[-1]
        refused = renumber(matching)
        assert (refused.returncode, "psql" in refused.stderr) == (1, True)
    finally:
        await connection.close()
    renumbered = renumber(matching)
    assert renumbered.returncode == 0, renumbered.stderr
    matching.start().ready()

    assert len(await everything_told(platform.servers.kafka, ("viceversa.matching.v1",))) == told
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in (3, 4)])
    await program.pair_up()
    await eventually(lambda: nobody_is_behind(platform.servers.kafka), within=60)
    versions = first_versions(await everything_told(platform.servers.kafka))
    assert all(seen == sorted(seen) for seen in versions.values())
