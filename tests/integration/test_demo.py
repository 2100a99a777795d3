"""`viceversa demo` as a person runs it: what it promises is on the screen, in the file, and in the exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration.processes import Platform

PEOPLE = 60
SERVICES = {"enrollment", "matching", "sessions", "feedback"}


def demo(folder: Path, *options: str) -> tuple[str, dict[str, Any]]:
    """What it printed, and the figures it wrote."""
    file = folder / "figures" / "summary.json"
    command = [
        sys.executable,
        "-m",
        "viceversa.main",
        "demo",
        "--people",
        str(PEOPLE),
        "--summary",
        str(file),
        *options,
    ]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    return ended.stdout, json.loads(file.read_text())


def assert_everything_happened(figures: dict[str, Any]) -> None:
    assert set(figures) == {
        "participants",
        "rejected_rows",
        "pairs",
        "unmatched",
        "sessions_logged",
        "sessions_cancelled",
        "feedback",
        "rematches",
        "public_events",
        "dead_letters",
        "trace",
        "seconds",
    }
    assert figures["participants"] == PEOPLE
    assert figures["rejected_rows"] == 11
    assert figures["dead_letters"] == 0
    assert min(figures[name] for name in ("pairs", "unmatched", "sessions_cancelled", "feedback", "rematches")) > 0
    assert figures["public_events"] == {
        "AgreementSigned": figures["pairs"],
        "FeedbackSubmitted": figures["feedback"],
        "PairCreated": figures["pairs"],
        "PairEnded": figures["rematches"] + 1,
        "ParticipantEnrolled": PEOPLE,
        "ParticipantWithdrawn": 1,
        "ProgramOpened": 1,
        "RoundPublished": 2,
        "SessionLogged": figures["sessions_logged"],
    }
    assert set(figures["trace"]["services"]) == SERVICES
    assert figures["trace"]["orphans"] == 0
    assert figures["trace"]["spans"] >= 2 * len(SERVICES)


def test_the_demo_sees_every_effect_on_a_platform_that_runs(platform: Platform, tmp_path: Path):
    _, figures = demo(tmp_path, "--platform", str(platform.describe()))

    assert_everything_happened(figures)


@pytest.mark.timeout(300)
def test_the_demo_starts_a_platform_of_its_own_and_a_second_time_on_the_same_data(tmp_path: Path):
    printed, first = demo(tmp_path, "--data", "data")
    _, second = demo(tmp_path, "--data", "data", "--seed", "8")

    assert_everything_happened(first)
    assert_everything_happened(second)
    assert first["trace"]["trace_id"] != second["trace"]["trace_id"]
    for heading in ("What came of it", "one trace over 4 services", "The journey of", "Where to look next"):
        assert heading in printed
    assert "✗" not in printed
