"""Data folders for platforms; no test leaves a process behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from viceversa.platform.leftovers import stop_leftovers


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder of this test's own."""
    with _data_folder() as path:
        yield path


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """A data folder of a module's one platform."""
    with _data_folder() as path:
        yield path


@pytest.fixture(scope="session")
def stand_ins() -> dict[str, tuple[str, ...]]:
    """Two services that answer 200 on every path with the environment they were given."""
    service = Path(__file__).with_name("stand_in_service.py")
    return {name: (sys.executable, "-P", str(service), name) for name in ("enrollment", "matching")}


@pytest.fixture
def start() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts Python programs in sessions of their own, as the platform does."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def _data_folder() -> Iterator[Path]:
    # Not below pytest's own folder: that one is closed to the account that PostgreSQL needs when root runs the tests.
    outer = Path(tempfile.mkdtemp(prefix="viceversa-platform-")).resolve()
    try:
        yield outer / "data"
    finally:
        stop_leftovers(outer / "data" / "processes.json")
        shutil.rmtree(outer, ignore_errors=True)
