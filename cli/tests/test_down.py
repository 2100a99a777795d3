"""`viceversa down`: it ends what runs, or says what does not end and how to end it; never neither."""

import signal

import psutil
import pytest
from typer.testing import CliRunner

from viceversa.main import app
from viceversa.platform.folder import CLEARING, SUPERVISOR, DataFolder
from viceversa.platform.leftovers import Entry, Identity, Register, read_register

SLEEPS = "import time; time.sleep(600)"
HOLDS_THE_FOLDER = """
import signal, sys, time
from pathlib import Path
from viceversa.platform.folder import FolderLock
signal.signal(signal.SIGTERM, signal.{on_sigterm})
FolderLock(Path({lock!r})).take({role!r})
print("taken", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.make()
    folder.lock.touch()
    return folder


@pytest.fixture
def holder(folder, start):
    def holds(role, on_sigterm):
        process = start(HOLDS_THE_FOLDER.format(lock=str(folder.lock), role=role, on_sigterm=on_sigterm))
        assert process.stdout.readline() == b"taken\n"
        return process

    return holds


@pytest.fixture
def service(folder, start):
    process = start(SLEEPS)
    Register(folder.register).add(Entry("matching", Identity.of(process.pid), 2, signal.SIGTERM))
    return process


@pytest.fixture
def down(folder):
    def down():
        ended = CliRunner().invoke(app, ["down", "--data", str(folder.root)])
        return ended.exit_code, ended.output

    return down


def test_what_a_supervisor_leaves_running_when_it_ends_is_stopped_too(holder, service, down):
    holder(SUPERVISOR, "SIG_DFL")
    code, said = down()
    assert (code, said.startswith("stopped the platform")) == (0, True)
    assert service.wait(5) == -signal.SIGTERM


def test_a_supervisor_that_does_not_end_is_told_with_what_runs_and_how_to_end_it(holder, service, down, monkeypatch):
    monkeypatch.setattr("viceversa.platform.presence._LONGEST_STOP", 0.2)
    supervisor = holder(SUPERVISOR, "SIG_IGN")
    code, said = down()
    assert code == 1
    assert f"Still running: its supervisor (process {supervisor.pid}), matching (process {service.pid})." in said
    assert f"`kill -9 {supervisor.pid}`" in said
    assert service.poll() is None

    supervisor.kill()
    supervisor.wait()
    code, said = down()
    assert (code, said.startswith("stopped matching, which a killed platform had left running")) == (0, True)
    assert service.wait(5) == -signal.SIGTERM


def test_it_does_not_call_stopped_what_another_process_is_still_stopping(holder, service, down, monkeypatch):
    monkeypatch.setattr("viceversa.platform.presence._LONGEST_STOP", 0.2)
    clearing = holder(CLEARING, "SIG_DFL")
    code, said = down()
    assert code == 1
    assert f"(process {clearing.pid}), matching (process {service.pid})." in said
    assert clearing.poll() is None


def test_a_process_that_cannot_be_stopped_is_told_and_stays_registered(folder, service, down, monkeypatch):
    def another_users(process, number):
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr("viceversa.platform.leftovers._GRACE", 0.1)
    monkeypatch.setattr(psutil.Process, "send_signal", another_users)
    code, said = down()
    assert code == 1
    assert f"still running, even after SIGKILL: matching (process {service.pid})." in said
    assert f"`kill -9 {service.pid}`" in said
    assert [entry.name for entry in read_register(folder.register)] == ["matching"]

    monkeypatch.undo()
    assert down()[0] == 0
    assert read_register(folder.register) == []
