"""Consumers that come, go and stop in the midst of their work: every event has its one effect."""

import asyncio
import time

import asyncpg
import pytest
from confluent_kafka.admin import AdminClient

from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Program
from integration.servers import Kind
from integration.topics import nobody_is_behind

pytestmark = pytest.mark.timeout(600)

BATCHES, PEOPLE_A_BATCH = 4, 10
STOPS_WITHIN = 30.0
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = 'matching'"
TAKEN_IN = """select count(*) from inbox where consumer = $1 and payload ->> 'program' = $2
    and headers ->> 'ce_type' = 'viceversa.ParticipantEnrolled.v1'"""
DOUBLED = """select stream_id, type from events where metadata ->> 'causation' is not null
    group by metadata ->> 'causation', stream_id, type having count(*) > 1"""
WITHDREW = "select count(*) from events where stream_id = $1 and type = 'CandidateWithdrew'"
PATIENT = {"idle_in_transaction_session_timeout": "0", "transaction_timeout": "0"}


async def members_at_work(kafka: str, group: str) -> int:
    """Members of a group that have partitions."""
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    found = await asyncio.to_thread(admin.describe_consumer_groups([group])[group].result, 10)
    return sum(bool(member.assignment.topic_partitions) for member in found.members)


async def test_consumers_that_join_and_leave_while_batches_are_applied_give_every_event_one_effect(
    platform: Platform, program: Program
):
    matching = platform.services["matching"]

    async def come_and_go() -> None:
        for number in range(3):
            another = platform.another("matching", "consumer").start()
            await asyncio.to_thread(another.ready)
            if platform.servers.kind is not Kind.LOCAL:  # that one does not describe groups

                async def shared() -> None:
                    assert await members_at_work(platform.servers.kafka, "matching.reactor") == 2

                await eventually(shared)
            # The second one leaves without a word.
            await asyncio.to_thread(another.kill if number == 1 else another.stop)

    moving = asyncio.create_task(come_and_go())
    for batch in range(BATCHES):
        numbers = range(batch * PEOPLE_A_BATCH, (batch + 1) * PEOPLE_A_BATCH)
        await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in numbers])
    await moving
    await eventually(lambda: nobody_is_behind(platform.servers.kafka), within=60)
    connection = await asyncpg.connect(platform.databases["matching"])
    try:
        for consumer in ("reactor", "membership"):
            assert await connection.fetchval(TAKEN_IN, consumer, program.id) == len(program.participants)
        assert await connection.fetch(DOUBLED) == []
    finally:
        await connection.close()
    assert matching.runs


@pytest.mark.parametrize("in_time", [True, False], ids=["in time", "never"])
async def test_a_consumer_that_is_told_to_stop_finishes_its_batch_or_leaves_nothing_of_it(
    platform: Platform, program: Program, *, in_time: bool
):
    await program.sign_up([program.person(role, 1) for role in ("mentor", "mentee")])
    await eventually(lambda: nobody_is_behind(platform.servers.kafka), within=60)
    participant = next(iter(program.participants))
    matching = platform.services["matching"]
    matching.stop()
    matching.start(ROLES="api,relay,projector").ready()
    consumer = platform.another("matching", "consumer").start().ready()
    process = consumer.process
    assert process is not None
    holder = await asyncpg.connect(platform.databases["matching"], server_settings=PATIENT)
    # Within a transaction, who waits is looked up once and then remembered.
    observer = await asyncpg.connect(platform.databases["matching"])
    try:
        holding = holder.transaction()
        await holding.start()
        # A batch appends, and then waits. This lock takes no transaction id, so no reader of a log is held back.
        await holder.execute("lock table inbox in exclusive mode")
        await program.withdraw(participant)

        async def batch_waits() -> None:
            assert await observer.fetchval(WAITING)

        await eventually(batch_waits)
        process.terminate()
        told = time.monotonic()
        await eventually(lambda: bool(consumer.says("stopping")))
        if in_time:
            await holding.rollback()
        assert await asyncio.to_thread(process.wait, 60) == 0
        assert time.monotonic() - told < STOPS_WITHIN
        if not in_time:
            await holding.rollback()
        assert await holder.fetchval(WITHDREW, participant) == (1 if in_time else 0)

        matching.stop()
        matching.start().ready()
        await eventually(lambda: nobody_is_behind(platform.servers.kafka), within=60)
        assert await holder.fetchval(WITHDREW, participant) == 1
    finally:
        await holder.close()
        await observer.close()
