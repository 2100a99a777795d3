"""Processes killed at the worst moments, and deliveries that come again: every event has its effect exactly once."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Program
from integration.topics import everything_told, nobody_is_behind, told_of

# Groups notice a dead member only after its session has run out, and each test here kills one.
pytestmark = pytest.mark.timeout(600)

OF_THE_RUNTIME = {
    "alembic_version",
    "clock",
    "cursors",
    "idempotent_requests",
    "inbox",
    "rebuilds",
    "subject_keys",
    "waiting",
}
CRASH_POINT = Path(__file__).with_name("crash_point.py")


async def rows(url: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


async def effects(platform: Platform) -> dict[str, object]:
    """How many events each service has appended, and what stands in every table that a consumer writes."""
    found: dict[str, object] = {}
    for name, url in platform.databases.items():
        tables = await rows(url, "select tablename from pg_tables where schemaname = 'public' order by 1")
        for (table,) in tables:
            if table in OF_THE_RUNTIME:
                continue
            what = "count(*)::text" if table == "events" else "coalesce(string_agg(t::text, '\n' order by t::text), '')"
            found[f"{name}.{table}"] = (await rows(url, f'select {what} from "{table}" t'))[0][0]
    return found


async def settled(platform: Platform) -> dict[str, object]:
    """The same, once every consumer has seen everything."""
    await eventually(lambda: nobody_is_behind(platform.servers.kafka), within=60)
    return await effects(platform)


async def test_a_relay_that_dies_after_sending_and_before_its_cursor_sends_again_without_a_second_effect(
    platform: Platform, program: Program
):
    enrollment = platform.services["enrollment"]
    await settled(platform)
    enrollment.stop()
    enrollment.start(ROLES="api,projector").ready()
    person = program.person("mentor", 1)
    await program.administrator.post("enrollment", f"/v1/programs/{program.id}/participants", as_json(person))

    patient = {"idle_in_transaction_session_timeout": "0", "transaction_timeout": "0"}
    holder = await asyncpg.connect(platform.databases["enrollment"], server_settings=patient)
    try:
        holding = holder.transaction()
        await holding.start()
        # Whoever wants to move the cursor waits for this row.
        before = await holder.fetchrow("select * from cursors where name = $1 for update", platform.relay_cursor)
        relay = platform.another("enrollment", "relay").start().ready()

        async def sent() -> None:
            told = await everything_told(platform.servers.kafka, ("viceversa.enrollment.v1",))
            assert any(map(told_of("ParticipantEnrolled", program=program.id), told))

        async def moving_its_cursor() -> None:
            assert await holder.fetch(f"select pid {waiting}")

        waiting = "from pg_stat_activity where wait_event_type = 'Lock'"
        await eventually(sent)
        await eventually(moving_its_cursor)
        relay.kill()
        # The server would only learn of its death after the statement that it waits in.
        assert await holder.fetch(f"select pg_terminate_backend(pid) {waiting}")
        await holding.rollback()
        assert await holder.fetchrow("select * from cursors where name = $1", platform.relay_cursor) == before
    finally:
        await holder.close()
    once = await settled(platform)

    enrollment.stop()
    enrollment.start().ready()

    async def sent_again() -> None:
        told = await everything_told(platform.servers.kafka, ("viceversa.enrollment.v1",))
        ids = Counter(event["id"] for event in filter(told_of("ParticipantEnrolled", program=program.id), told))
        assert list(ids.values()) == [2]

    await eventually(sent_again)
    assert await settled(platform) == once


@pytest.mark.parametrize("group", ["matching.reactor", "matching.membership"])
async def test_a_consumer_that_dies_after_its_commit_and_before_its_offsets_is_told_again_without_a_second_effect(
    platform: Platform, program: Program, tmp_path: Path, group: str
):
    matching = platform.services["matching"]
    await settled(platform)
    matching.stop()
    reached = tmp_path / "reached"
    consumer = platform.another(
        "matching", "consumer", sys.executable, str(CRASH_POINT), "matching", group, str(reached)
    )
    consumer.start().ready()
    person = program.person("mentor", 1)
    path = f"/v1/programs/{program.id}/participants"
    made = await program.administrator.post("enrollment", path, as_json(person))
    participant = UUID(made.body["participant"])

    async def taken_in() -> list[asyncpg.Record]:
        query = "select event_id from inbox where consumer = $1 and payload ->> 'participant' = $2"
        known = await rows(platform.databases["matching"], query, group.split(".")[1], str(participant))
        assert known
        return known

    await eventually(reached.exists)
    await eventually(taken_in)
    consumer.kill()
    once = await effects(platform)
    with pytest.raises(AssertionError, match="has committed"):
        await nobody_is_behind(platform.servers.kafka)
    events = await rows(platform.databases["matching"], "select event_id from events where stream_id = $1", participant)

    matching.start().ready()

    twice = await settled(platform)
    again = await rows(platform.databases["matching"], "select event_id from events where stream_id = $1", participant)
    if group == "matching.reactor":
        assert events
    else:
        assert str(participant) in str(once["matching.members"])
        assert twice["matching.members"] == once["matching.members"]
    assert again[: len(events)] == events


async def test_replayed_deliveries_have_no_second_effect(platform: Platform, program: Program):
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in (1, 2)])
    await program.pair_up()
    once = await settled(platform)
    told = await everything_told(platform.servers.kafka)

    async with AIOKafkaProducer(bootstrap_servers=platform.servers.kafka) as producer:
        for event in told:
            await producer.send(event.topic, event.value, event.key, event.partition, headers=list(event.headers))

    assert await settled(platform) == once


async def test_a_log_that_is_published_again_from_its_beginning_has_no_second_effect(
    platform: Platform, program: Program
):
    await program.sign_up([program.person(role, 1) for role in ("mentor", "mentee")])
    (pair,) = await program.pair_up()
    once = await settled(platform)
    topics = ("viceversa.matching.v1",)
    before = await everything_told(platform.servers.kafka, topics)

    matching = platform.services["matching"]
    matching.stop()
    await rows(platform.databases["matching"], "delete from cursors where name = $1", platform.relay_cursor)
    matching.start().ready()

    async def told_again() -> None:
        told = await everything_told(platform.servers.kafka, topics)
        ids = Counter(event["id"] for event in filter(told_of("PairCreated", pair=pair.id), told))
        assert list(ids.values()) == [2]
        assert len({event["id"] for event in told}) == len({event["id"] for event in before})

    await eventually(told_again)
    assert await settled(platform) == once


def as_json(person: dict[str, str]) -> dict[str, Any]:
    """A row as the API takes it: only what was filled in."""
    return {name: value for name, value in person.items() if value}
