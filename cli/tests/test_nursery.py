"""Modules that are started by forking a process that has imported what they share."""

import os
import signal
import sys

import pytest

from events.testing import eventually
from viceversa.platform.leftovers import Identity
from viceversa.platform.spawning import PYTHON, Nursery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no nursery on this system")

MODULE = """
import os, pathlib, random, sys, time
seen = pathlib.Path(os.environ["SEEN"])
seen.write_text("\\n".join([__name__, sys.argv[0], os.environ.get("HOME", "no home"), str(random.random()), "end"]))
print("said", flush=True)
if os.environ.get("CODE"):
    raise SystemExit(int(os.environ["CODE"]))
time.sleep(600)
"""
SMALL_SERVICE = (*PYTHON, "small_service")


@pytest.fixture
async def nursery(tmp_path, monkeypatch):
    monkeypatch.setattr("viceversa.platform.spawning._SHARED", ("random",))
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "small_service.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(modules))
    nursery = await Nursery().open([SMALL_SERVICE] * 2, tmp_path / "nursery.log")
    yield nursery
    await nursery.close()


@pytest.fixture
async def start(nursery, tmp_path):
    started = []

    async def start(name="one", **environment):
        seen = tmp_path / f"{name}.seen"
        child = await nursery.start(
            SMALL_SERVICE,
            environment={"SEEN": str(seen), **environment},
            log=tmp_path / f"{name}.log",
        )
        started.append(child)
        await eventually(lambda: seen.exists() and seen.read_text().endswith("end"))
        return child, seen.read_text().split("\n")

    yield start
    for child in started:
        if child.returncode is None:
            child.send_signal(signal.SIGKILL)
            await child.wait()


async def test_a_module_runs_as_main_with_its_own_environment_only_log_and_session(start, tmp_path):
    child, (name, program, home, *_) = await start()
    assert (name, home) == ("__main__", "no home")
    assert program.endswith("small_service.py")
    await eventually(lambda: (tmp_path / "one.log").read_text() == "said\n")
    assert os.getsid(child.pid) == child.pid


async def test_its_exit_code_is_told(start):
    child, _ = await start(CODE="3")
    assert await child.wait() == 3
    assert child.returncode == 3


async def test_a_signal_ends_it_as_it_would_any_process(start):
    child, _ = await start()
    child.send_signal(signal.SIGTERM)
    assert await child.wait() == -signal.SIGTERM


async def test_two_forks_do_not_draw_the_same_random_numbers(start):
    _, one = await start("one")
    _, two = await start("two")
    assert one[3] != two[3]


async def test_when_the_nursery_dies_its_children_end_and_later_ones_are_run_without_it(start, nursery):
    former, _ = await start("former")
    os.kill(nursery._process.pid, signal.SIGKILL)
    assert await former.wait() == -signal.SIGKILL
    await eventually(lambda: Identity.of(former.pid) is None or not Identity.of(former.pid).alive())
    later, (name, *_) = await start("later", PYTHONPATH=os.environ["PYTHONPATH"])
    assert name == "__main__"
    assert later.returncode is None


async def test_it_ends_when_its_supervisor_hangs_up(start, nursery):
    await start("still runs")
    await nursery.close()
    assert nursery._process.returncode == 0
