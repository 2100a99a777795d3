"""Processes of an earlier supervisor are recognised and stopped; strangers who have their pids by now are not."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from viceversa.platform.leftovers import Entry, Identity, Register, read_register, stop_leftovers

SLEEPS = "import time; time.sleep(600)"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); time.sleep(600)"
)
LEAVES_A_CHILD = (
    "import subprocess, sys, time;"
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]); print(child.pid, flush=True); time.sleep(600)"
)


@pytest.fixture
def start():
    started = []

    def start(program):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def register(path, process, identity=None):
    identity = identity or Identity.of(process.pid)
    Register(path).add(Entry("service", identity, stage=2, stop_signal=signal.SIGTERM))


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


@pytest.mark.parametrize(
    "stranger",
    [
        lambda identity: replace(identity, started=identity.started - 60),
        lambda identity: replace(identity, arguments=("-m", "enrollment.main")),
    ],
    ids=["started at another time", "with other arguments"],
)
def test_a_stranger_with_a_registered_pid_is_left_alone(tmp_path, start, stranger):
    process = start(SLEEPS)
    register(tmp_path / "processes.json", process, stranger(Identity.of(process.pid)))
    assert stop_leftovers(tmp_path / "processes.json") == []
    assert process.poll() is None


def test_a_zombie_is_not_alive(start):
    process = start("pass")
    identity = Identity.of(process.pid)
    process.stdout.read()
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
