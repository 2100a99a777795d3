"""Processes of an earlier supervisor are recognised and stopped; strangers who have their pids by now are not."""

import json
import signal
import subprocess
import threading
import time
from dataclasses import replace
from itertools import groupby

import psutil
import pytest

from events.testing import eventually
from viceversa.platform.leftovers import Entry, Identity, Register, read_register, stop, stop_leftovers

SLEEPS = "import time; time.sleep(600)"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); time.sleep(600)"
)
LEAVES_A_CHILD = (
    "import subprocess, sys, time;"
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]); print(child.pid, flush=True); time.sleep(600)"
)


def entry_of(process, identity=None):
    return Entry("service", identity or Identity.of(process.pid), stage=2, stop_signal=signal.SIGTERM)


def register(path, process, identity=None):
    Register(path).add(entry_of(process, identity))


def test_a_registered_process_is_stopped_by_its_signal(tmp_path, start):
    process = start(SLEEPS)
    register(tmp_path / "processes.json", process)
    assert stop_leftovers(tmp_path / "processes.json") == ["service"]
    assert process.wait(5) == -signal.SIGTERM
    assert read_register(tmp_path / "processes.json") == []


def test_what_a_stopped_process_had_started_is_stopped_with_it(tmp_path, start):
    process = start(LEAVES_A_CHILD)
    child = Identity.of(int(process.stdout.readline()))
    register(tmp_path / "processes.json", process)
    stop_leftovers(tmp_path / "processes.json")
    assert child.gone_within(5)


def test_a_process_that_ignores_its_signal_is_killed_in_the_end(tmp_path, start, monkeypatch):
    monkeypatch.setattr("viceversa.platform.leftovers._GRACE", 0.2)
    process = start(IGNORES_SIGTERM)
    process.stdout.readline()
    register(tmp_path / "processes.json", process)
    stop_leftovers(tmp_path / "processes.json")
    assert process.wait(5) == -signal.SIGKILL


def test_all_are_waited_for_together_and_the_slow_are_killed_at_once(start, monkeypatch):
    monkeypatch.setattr("viceversa.platform.leftovers._GRACE", 0.2)
    happened = []
    send, sleep = Identity.send, time.sleep

    def sends(identity, number):
        happened.append(number)
        send(identity, number)

    def sleeps(seconds):
        happened.append("wait")
        sleep(seconds)

    monkeypatch.setattr(Identity, "send", sends)
    monkeypatch.setattr("viceversa.platform.leftovers.time.sleep", sleeps)
    processes = [start(IGNORES_SIGTERM) for _ in range(3)]
    for process in processes:
        process.stdout.readline()

    stop([entry_of(process) for process in processes])

    assert [kind for kind, _ in groupby(happened)][:3] == [signal.SIGTERM, "wait", signal.SIGKILL]
    assert happened.count(signal.SIGKILL) == 3
    assert [process.wait(5) for process in processes] == [-signal.SIGKILL] * 3


async def test_what_one_leaves_behind_does_not_wait_for_the_others(start):
    slow, quick = start(IGNORES_SIGTERM), start(LEAVES_A_CHILD)
    slow.stdout.readline()
    child = Identity.of(int(quick.stdout.readline()))
    stopping = threading.Thread(target=stop, args=[[entry_of(slow), entry_of(quick)]])
    stopping.start()
    try:
        await eventually(lambda: not child.alive(), within=5)
        assert slow.poll() is None
    finally:
        slow.kill()
        stopping.join()


def test_a_process_that_has_no_command_any_more_is_alive_until_it_has_ended(start, monkeypatch):
    identity = Identity.of(start(SLEEPS).pid)
    monkeypatch.setattr(psutil.Process, "cmdline", lambda _: [])
    assert identity.alive()


def test_a_process_that_has_no_command_yet_is_known_by_the_one_it_gets(start, monkeypatch):
    process = start(SLEEPS)
    commands = iter([[], [], ["python", "-m", "enrollment.main"]])
    monkeypatch.setattr(psutil.Process, "cmdline", lambda _: next(commands))
    assert Identity.of(process.pid).arguments == ("-m", "enrollment.main")


def test_a_process_that_ends_before_its_signal_needs_none(start, monkeypatch):
    process = start(SLEEPS)
    send_signal = psutil.Process.send_signal

    def too_late(found, number):
        process.kill()
        process.wait()
        send_signal(found, number)

    monkeypatch.setattr(psutil.Process, "send_signal", too_late)
    stop([entry_of(process)])
    assert process.returncode == -signal.SIGKILL


STRANGERS = pytest.mark.parametrize(
    "stranger",
    [
        lambda identity: replace(identity, started=identity.started - 60),
        lambda identity: replace(identity, arguments=("-m", "enrollment.main")),
    ],
    ids=["started at another time", "with other arguments"],
)


@STRANGERS
def test_a_stranger_who_gets_the_pid_meanwhile_and_its_group_are_left_alone(start, stranger):
    process = start(SLEEPS)
    stop([entry_of(process, stranger(Identity.of(process.pid)))])
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)


@STRANGERS
def test_a_stranger_with_a_registered_pid_is_left_alone(tmp_path, start, stranger):
    process = start(SLEEPS)
    register(tmp_path / "processes.json", process, stranger(Identity.of(process.pid)))
    assert stop_leftovers(tmp_path / "processes.json") == []
    assert process.poll() is None


def test_a_zombie_is_not_alive(start):
    process = start(SLEEPS)
    identity = Identity.of(process.pid)
    process.kill()
    assert identity.gone_within(5)
    assert process.returncode is None


def test_the_register_forgets_what_has_ended(tmp_path, start):
    path = tmp_path / "processes.json"
    entry = Entry("service", Identity.of(start(SLEEPS).pid), stage=2, stop_signal=signal.SIGINT)
    register = Register(path)
    register.add(entry)
    assert read_register(path) == [entry]
    register.remove("service")
    assert json.loads(path.read_text()) == []
