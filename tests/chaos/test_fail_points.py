"""The runtime has every point at which a process may be told to die, and every text that a planted bug replaces."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.campaign import PATHS
from chaos.fail_points import POINTS, target
from chaos.planted import BUGS, NotPlanted, PlantedBug, plant

_PASSES_TWICE = """
import asyncio
from chaos import fail_points
from events.runtime import store

fail_points.arm(fail_points.Point("events.runtime.store", "present", after={after}), 2)

async def work():
    for number in (1, 2):
        try:
            await store.present(None, [])
        except AttributeError:
            print("refused", number, flush=True)

asyncio.run(work())
"""


@pytest.mark.parametrize("name", POINTS)
def test_the_runtime_has_the_function_at_which_a_process_dies(name: str):
    owner, function = target(POINTS[name])
    assert callable(getattr(owner, function))


def test_a_process_dies_at_the_hit_that_it_was_told():
    ran = subprocess.run(
        [sys.executable, "-c", _PASSES_TWICE.format(after=False)],
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (-signal.SIGKILL, "refused 1\n")


@pytest.mark.parametrize("name", BUGS)
def test_every_planted_bug_finds_the_text_that_it_replaces(name: str, tmp_path: Path):
    copy = plant(BUGS[name], tmp_path)
    for change in BUGS[name].changes:
        assert change.new in (copy / "events" / "runtime" / change.file).read_text()


def test_a_bug_whose_text_is_gone_is_not_planted(tmp_path: Path):
    bug = BUGS["skip the parked key"]
    gone = PlantedBug("gone", (bug.changes[0].__class__("applying.py", "no such text", ""),), (), 0, 0, 0, ())
    with pytest.raises(NotPlanted, match="0 times"):
        plant(gone, tmp_path)
