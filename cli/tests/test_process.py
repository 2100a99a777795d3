"""One process that is kept running."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest

from events.testing import eventually
from viceversa.platform.leftovers import Identity, Register, read_register
from viceversa.platform.process import Process, Program, State
from viceversa.platform.refusal import PlatformRefused

SLEEPS = "import time; time.sleep(600)"


async def always(_):
    return True


async def never(_):
    return False


@asynccontextmanager
async def kept(tmp_path, source, *, ready=always, changed=lambda _: None, environment=dict):
    program = Program(
        name="small",
        stage=1,
        command=lambda: (sys.executable, "-c", source),
        ready=ready,
        address=str,
        environment=environment,
    )
    process = Process(
        program, log=tmp_path / "small.log", register=Register(tmp_path / "processes.json"), changed=changed
    )
    try:
        yield process
    finally:
        await process.stop()


async def test_it_is_registered_while_it_runs_and_not_after(tmp_path):
    async with kept(tmp_path, SLEEPS) as process:
        await process.run_until_ready()
        (entry,) = read_register(tmp_path / "processes.json")
        assert entry.identity == Identity.of(process.pid)
    assert read_register(tmp_path / "processes.json") == []
    assert process.state is State.STOPPED
    assert not entry.identity.alive()


async def test_what_dies_is_started_again_with_the_environment_of_that_moment(tmp_path):
    ready = tmp_path / "ready"
    source = f"import os, time; open({str(ready)!r}, 'a').write(os.environ['TRY']); time.sleep(600)"
    tries = iter("123")
    async with kept(tmp_path, source, environment=lambda: {"TRY": next(tries)}) as process:
        await process.run_until_ready()
        await eventually(lambda: ready.exists() and ready.read_text() == "1")
        os.kill(process.pid, signal.SIGKILL)
        await eventually(lambda: process.restarts == 1 and process.state is State.READY)
        await eventually(lambda: ready.read_text() == "12")


async def test_it_says_how_it_ended_while_it_pauses(tmp_path):
    remarks = []

    def note(process):
        if process.state is State.PAUSING:
            remarks.append(process.remark)

    async with kept(tmp_path, SLEEPS, changed=note) as process:
        await process.run_until_ready()
        os.kill(process.pid, signal.SIGKILL)
        await eventually(lambda: remarks == ["SIGKILL"])


async def test_the_pauses_between_failures_grow(tmp_path, monkeypatch):
    pauses = []
    wait_for = asyncio.wait_for

    async def note(awaitable, seconds):
        pauses.append(seconds)
        return await wait_for(awaitable, 0.001)

    monkeypatch.setattr("viceversa.platform.process.asyncio.wait_for", note)
    async with kept(tmp_path, "raise SystemExit(3)", ready=never) as process:
        with pytest.raises(PlatformRefused):
            await process.run_until_ready()
        await eventually(lambda: len(pauses) >= 4)
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]


async def test_one_that_never_starts_is_refused_with_its_exit_code_and_the_end_of_its_log(tmp_path):
    async with kept(tmp_path, "raise SystemExit('no such setting')", ready=never) as process:
        with pytest.raises(PlatformRefused, match=r"(?s)small does not start: exit code 1\..*no such setting"):
            await process.run_until_ready()


async def test_a_long_line_of_its_log_is_told_by_its_beginning_and_its_end(tmp_path):
    source = "raise SystemExit('beginning ' + 'x' * 10_000 + ' end')"
    async with kept(tmp_path, source, ready=never) as process:
        with pytest.raises(PlatformRefused, match=r"beginning x+ … x+ end") as refusal:
            await process.run_until_ready()
    assert len(str(refusal.value)) < 3_000


async def test_a_command_that_does_not_exist_is_refused(tmp_path):
    program = Program(name="absent", stage=1, command=lambda: ("/no/such/program",), ready=always, address=str)
    process = Process(
        program, log=tmp_path / "log", register=Register(tmp_path / "processes.json"), changed=lambda _: None
    )
    with pytest.raises(PlatformRefused, match="No such file or directory: '/no/such/program'"):
        await process.run_until_ready()
    await process.stop()


async def test_a_restart_that_was_asked_for_does_not_pause(tmp_path):
    states = []
    async with kept(tmp_path, SLEEPS, changed=lambda process: states.append(process.state)) as process:
        await process.run_until_ready()
        former = process.pid
        process.restart()
        await eventually(lambda: process.restarts == 1 and process.state is State.READY)
        assert process.pid != former
    assert State.PAUSING not in states


async def test_one_that_ignores_its_signal_is_killed_after_a_grace(tmp_path, monkeypatch):
    monkeypatch.setattr("viceversa.platform.process.GRACE", 0.2)
    source = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('{}', 'w'); time.sleep(600)"
    ignoring = tmp_path / "ignoring"

    async def ready(_):
        return ignoring.exists()

    async with kept(tmp_path, source.format(ignoring), ready=ready) as process:
        await process.run_until_ready()
        identity = Identity.of(process.pid)
    assert not identity.alive()


async def test_the_children_of_one_that_died_are_killed_before_it_is_started_again(tmp_path):
    file = tmp_path / "child"
    source = (
        "import pathlib, subprocess, sys, time;"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]);"
        f"pathlib.Path({str(file)!r}).write_text(str(child.pid) + ';'); time.sleep(600)"
    )
    async with kept(tmp_path, source) as process:
        await process.run_until_ready()
        await eventually(lambda: file.exists() and file.read_text().endswith(";"))
        child = Identity.of(int(file.read_text().rstrip(";")))
        os.kill(process.pid, signal.SIGKILL)
        await eventually(lambda: not child.alive())


async def test_one_that_stops_answering_is_shown_as_not_ready_and_left_running(tmp_path):
    answers = True

    async def ready(_):
        return answers

    async with kept(tmp_path, SLEEPS, ready=ready) as process:
        await process.run_until_ready()
        answers = False
        await eventually(lambda: process.state is State.NOT_READY)
        assert process.restarts == 0
        answers = True
        await eventually(lambda: process.state is State.READY)
