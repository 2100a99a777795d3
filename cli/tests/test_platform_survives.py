"""What a platform leaves behind when it is ended in every way, and what its next start makes of that."""

import asyncio
import json
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from events.testing import eventually
from viceversa.platform.description import read_description
from viceversa.platform.leftovers import Identity, read_register
from viceversa.platform.local import LocalPlatform
from viceversa.platform.refusal import PlatformRefused


@asynccontextmanager
async def up(folder, services):
    """A supervisor as a process of its own; killed, if it still runs in the end."""
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("stand_in_platform.py")),
        str(folder),
        json.dumps(services),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield supervisor
    finally:
        if supervisor.returncode is None:
            supervisor.kill()
        await supervisor.communicate()


async def says(supervisor, words):
    """Read its output up to a line with these words; returns all of it."""
    said = ""
    async with asyncio.timeout(60):
        while words not in said:
            line = await supervisor.stdout.readline()
            assert line, f"it ended without saying {words!r}:\n{said}"
            said += line.decode()
    return said


async def everything_is_gone(processes):
    await eventually(lambda: not running(processes), within=30)


def running(processes):
    return [process for process in processes if process.alive()]


def processes_of(folder):
    return [entry.identity for entry in read_register(folder / "processes.json")]


async def write_a_row(folder):
    connection = await asyncpg.connect(read_description(folder / "platform.json").databases["enrollment"])
    await connection.execute("create table kept (word text)")
    await connection.execute("insert into kept values ('kept')")
    await connection.close()


async def read_the_row(platform):
    connection = await asyncpg.connect(platform.databases["enrollment"])
    word = await connection.fetchval("select word from kept")
    await connection.close()
    return word


async def test_a_killed_supervisor_takes_everything_with_it_and_its_next_start_has_lost_nothing(folder, stand_ins):
    async with up(folder, stand_ins) as supervisor:
        await says(supervisor, "ready in")
        former = read_description(folder / "platform.json")
        keys = {path.name: path.read_bytes() for path in (folder / "keys").iterdir()}
        processes = processes_of(folder)
        await write_a_row(folder)
        supervisor.kill()
        await everything_is_gone(processes)
    async with LocalPlatform(folder, services=stand_ins) as platform:
        assert await read_the_row(platform) == "kept"
        assert platform.urls == {name: service.url for name, service in former.services.items()}
        assert platform.databases == former.databases
        assert {path.name: path.read_bytes() for path in (folder / "keys").iterdir()} == keys


async def test_what_a_supervisor_and_its_watcher_left_running_is_stopped_by_the_next_start(folder, stand_ins):
    async with up(folder, stand_ins) as supervisor:
        await says(supervisor, "ready in")
        processes = processes_of(folder)
        await write_a_row(folder)
        (watcher,) = [
            p for p in psutil.Process(supervisor.pid).children() if "viceversa.platform.watcher" in p.cmdline()
        ]
        watcher.kill()
        supervisor.kill()
        await supervisor.wait()
    assert running(processes) == processes
    remarks = []
    async with LocalPlatform(folder, services=stand_ins, remarked=remarks.append) as platform:
        assert running(processes) == []
        assert await read_the_row(platform) == "kept"
    assert len(remarks) == len(processes)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_during_the_start_ends_it_in_good_order(folder, stand_ins, number):
    async with up(folder, stand_ins) as supervisor:
        await says(supervisor, "broker")
        processes = processes_of(folder)
        supervisor.send_signal(number)
        await says(supervisor, "stopped; the data stays")
        assert await supervisor.wait() == 0
    assert processes
    assert running(processes) == []
    assert read_description(folder / "platform.json").state == "stopped"


async def test_output_that_nobody_reads_any_more_does_not_end_the_platform(folder, stand_ins):
    async with up(folder, stand_ins) as supervisor:
        await says(supervisor, "starting")
        supervisor._transport.get_pipe_transport(1).close()
        await eventually(lambda: read_description(folder / "platform.json").state == "running", within=30)
        supervisor.send_signal(signal.SIGINT)
        assert await supervisor.wait() == 0
    assert read_description(folder / "platform.json").state == "stopped"


async def test_a_port_that_a_stranger_took_meanwhile_is_left_to_the_stranger(folder, stand_ins):
    async with LocalPlatform(folder, services=stand_ins) as platform:
        former = dict(platform.urls)
    with socket.create_server(("127.0.0.1", int(former["matching"].rpartition(":")[2]))):
        async with LocalPlatform(folder, services=stand_ins) as platform:
            assert platform.urls["matching"] != former["matching"]
            assert platform.urls["enrollment"] == former["enrollment"]


async def test_a_service_that_does_not_start_is_named_with_the_end_of_its_log_and_nothing_is_left_running(
    folder, stand_ins
):
    broken = {**stand_ins, "matching": (sys.executable, "-c", "raise SystemExit('the settings are wrong')")}
    started = []

    def note(process):
        if process.pid is not None and (identity := Identity.of(process.pid)) is not None:
            started.append(identity)

    with pytest.raises(PlatformRefused, match=r"(?s)matching does not start: exit code 1.*the settings are wrong"):
        async with LocalPlatform(folder, services=broken, changed=note):
            pass
    assert started
    assert running(started) == []


async def test_a_kafka_that_does_not_answer_is_named_and_nothing_is_left_running(folder, stand_ins):
    with pytest.raises(PlatformRefused, match=r"Kafka at 127.0.0.1:1 does not answer"):
        async with LocalPlatform(folder, "127.0.0.1:1", services=stand_ins):
            pass
    assert read_register(folder / "processes.json") == []
