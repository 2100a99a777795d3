"""The main job on both brokers: it ends with 0 only when every expected effect was seen."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from integration.processes import Platform

PEOPLE = 40
SERVICES = {"enrollment", "matching", "sessions", "feedback"}


async def demo(folder: Path, *arguments: str | Path) -> tuple[dict[str, Any], str]:
    """Run `viceversa demo` and answer the figures that it wrote, and what it printed."""
    summary = folder / "figures" / "summary.json"
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("viceversa"),
        *("demo", "--people", str(PEOPLE), "--data", folder / "data", "--summary", summary, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "120"},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-6000:]
    return json.loads(summary.read_text()), output.decode()


def the_whole_loop_was_seen(figures: dict[str, Any]) -> None:
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
    assert (figures["participants"], figures["rejected_rows"], figures["dead_letters"]) == (PEOPLE, 11, 0)
    for count in ("pairs", "sessions_cancelled", "feedback", "rematches"):
        assert figures[count] > 0, count
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
    assert figures["trace"]["spans"] >= 6  # the request, its message, three reactions, and what sessions tells of it


@pytest.mark.timeout(600)
async def test_the_demo_sees_the_whole_loop_on_the_servers_of_these_tests(platform: Platform, tmp_path: Path):
    figures, _ = await demo(tmp_path, "--platform", platform.describe())

    the_whole_loop_was_seen(figures)


@pytest.mark.timeout(600)
async def test_the_demo_sees_the_whole_loop_on_the_local_broker_and_again_on_the_same_data(tmp_path: Path):
    first, printed = await demo(tmp_path)
    second, _ = await demo(tmp_path, "--seed", "8")

    the_whole_loop_was_seen(first)
    the_whole_loop_was_seen(second)
    assert first["trace"]["trace_id"] != second["trace"]["trace_id"]
    for heading in ("What came of it", "over 4 services", "The journey of", "What was expected", "Where to look next"):
        assert heading in printed
    assert "✗" not in printed
