"""What a process writes about failures: what they were, and never what they quote."""

import json
import subprocess
import sys

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError

from events.runtime.logs import named

CANARY = "canary-4711@example.org"

PROGRAM = f"""
import asyncio, logging, structlog
from events.runtime import logs

logs.set_up("INFO")
ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")

def fail():
    try:
        raise LookupError("Key (email)=({CANARY}) already exists")
    except LookupError as error:
        raise ValueError("{CANARY}") from error

try:
    fail()
except ValueError as error:
    ours.error("given", exc_info=error)
    ours.exception("current")
    theirs.exception("by a library")
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\\n", exc_info=error)

async def forget():
    async def failing():
        fail()
    task = asyncio.create_task(failing())
    await asyncio.wait([task])

asyncio.run(forget())
ours.info("nothing failed", events=3)
theirs.info("a library's chatter")
"""


def test_every_line_is_json_and_no_failure_is_quoted():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert CANARY not in ended.stdout + ended.stderr
    assert [line["event"] for line in lines] == [
        "given",
        "current",
        "by a library",
        "Task exception was never retrieved",
        "nothing failed",
    ]
    for line in lines[:-1]:
        assert line["failed"] == "ValueError < LookupError"
        assert line["at"][-1].endswith(" fail")
    assert lines[-1]["events"] == 3


def test_an_error_of_the_database_is_named_with_its_state():
    driver = asyncpg.UniqueViolationError(f"Key (email)=({CANARY}) already exists")
    error = IntegrityError("insert", None, driver)
    error.__cause__ = driver
    assert named(error) == "IntegrityError < UniqueViolationError 23505"
    assert named(ConnectionRefusedError(111, CANARY)) == "ConnectionRefusedError 111"


def test_an_error_that_was_hidden_on_purpose_stays_hidden():
    def translate() -> None:
        try:
            {}[CANARY]
        except KeyError:
            raise RuntimeError from None

    with pytest.raises(RuntimeError) as caught:
        translate()
    assert named(caught.value) == "RuntimeError"
