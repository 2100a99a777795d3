"""Garbage on a topic holds nobody up, is named to operators by every service that read it, and can be given up."""

import asyncio
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from click.testing import Result
from typer.testing import CliRunner

from events.contracts.routes import followers
from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Program
from viceversa.client import Caller
from viceversa.main import app
from viceversa.operations.connection import TOKEN

TOPIC = "viceversa.enrollment.v1"


async def letters(operator: Caller, platform: Platform) -> dict[str, dict[str, Any]]:
    """Open dead letters of all services, by consumer group."""
    return {
        f"{service}.{letter['consumer']}": letter
        for service in platform.services
        for letter in (await operator.get(service, "/v1/dead-letters")).body["items"]
    }


async def test_garbage_on_a_topic_is_a_dead_letter_of_each_who_reads_it_and_holds_nobody_up(
    platform: Platform, program: Program
):
    operator = program.platform.caller(f"{program.token}-operator", "operator")
    readers = set(followers("enrollment")[TOPIC])
    key, event_id = uuid4(), uuid4()
    headers = [("ce_specversion", b"1.0"), ("ce_id", str(event_id).encode()), ("ce_subject", str(key).encode())]
    async with AIOKafkaProducer(bootstrap_servers=platform.servers.kafka) as producer:
        await producer.send_and_wait(TOPIC, b"garbage", str(key).encode(), headers=headers)

    async def everybody_says_so() -> None:
        assert set(await letters(operator, platform)) == readers

    await eventually(everybody_says_so)
    await program.sign_up([program.person(role, 1) for role in ("mentor", "mentee")])
    assert len(await program.pair_up()) == 1

    token, _ = await program.platform.sign_in(f"{program.token}-operator", ["operator"])
    for group, letter in (await letters(operator, platform)).items():
        service, _, consumer = group.partition(".")
        assert (letter["event"], letter["key"], letter["payload"]) == (str(event_id), str(key), None)
        name = f"{service}/{consumer}/{event_id}"
        assert name in (await command(platform, service, token, "list")).output
        still = await command(platform, service, token, "retry", name)
        assert (still.exit_code, "MalformedMessage" in still.output) == (1, True)
        assert (await command(platform, service, token, "discard", name, "--yes")).exit_code == 0
    assert await letters(operator, platform) == {}


async def command(platform: Platform, service: str, token: str, *words: str) -> Result:
    """What `viceversa dead-letters` says, to an operator who knows a service's URL."""
    arguments = ["dead-letters", *words, "--url", platform.services[service].url]
    environment = {TOKEN: token, "COLUMNS": "160"}
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)
