"""Data folders for platforms; no test leaves a process behind."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def _data_folder() -> Iterator[Path]:
    # Not below pytest's own folder: that one is closed to the account that PostgreSQL needs when root runs the tests.
    outer = Path(tempfile.mkdtemp(prefix="viceversa-platform-")).resolve()
    try:
        yield outer / "data"
    finally:
        stop_leftovers(outer / "data" / "processes.json")
        shutil.rmtree(outer, ignore_errors=True)
