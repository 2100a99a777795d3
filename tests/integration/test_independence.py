"""Each service is a package of its own: it installs and passes its tests where no other service is installed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from viceversa.platform.services import SERVICES

ROOT = Path(__file__).resolve().parents[2]


def uv() -> str:
    """The one that `make` uses."""
    found = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    assert shutil.which(found), "run it by `make test`, which gets uv"
    return found


def run(*command: str | Path) -> str:
    # What this run of pytest tells its workers is not for that one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-30_000:] + done.stderr[-3_000:]
    return done.stdout


@pytest.fixture
def environment() -> Iterator[Path]:
    """A folder for a virtual environment, not below pytest's: that is closed to root's PostgreSQL."""
    with TemporaryDirectory(prefix="viceversa-alone-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_installs_and_passes_its_tests_alone(service: str, environment: Path):
    python = environment / "bin" / "python"
    run(uv(), "venv", "--quiet", "--python", sys.executable, environment)
    pins = ("--no-sources", "--constraint", "requirements.lock")
    packages = ("./libs/events[testing]", f"./services/{service}")
    run(uv(), "pip", "install", "--quiet", "--python", python, *pins, *packages)
    others = set(SERVICES) - {service}
    found = run(python, "-c", f"import importlib.util as u; print([n for n in {others!r} if u.find_spec(n)])")
    assert found.strip() == "[]"

    run(python, "-m", "pytest", "-p", "no:cacheprovider", f"services/{service}/tests")
