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


async def demo(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    """Run `viceversa demo` and answer its summary."""
    summary = folder / "summary.json"
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("viceversa"),
        *("demo", "--people", str(PEOPLE), "--data", folder / "data", "--summary", summary, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "120"},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-6000:]
    return json.loads(summary.read_text())


def the_whole_loop_was_seen(summary: dict[str, Any]) -> None:
    assert summary["participants"] + summary["rejected_rows"] >= PEOPLE
    for count in ("rejected_rows", "pairs", "sessions_logged", "sessions_cancelled", "feedback", "rematches"):
        assert summary[count] > 0, count
    assert summary["dead_letters"] == 0
    assert set(summary["trace"]["services"]) == SERVICES
    assert summary["trace"]["orphans"] == 0
    for event in ("ParticipantEnrolled", "PairCreated", "SessionLogged", "FeedbackSubmitted", "PairEnded"):
        assert any(event in name for name in summary["public_events"]), event


@pytest.mark.timeout(600)
async def test_the_demo_sees_the_whole_loop_on_the_servers_of_these_tests(platform: Platform, tmp_path: Path):
    the_whole_loop_was_seen(await demo(tmp_path, "--platform", platform.describe()))


@pytest.mark.timeout(600)
async def test_the_demo_sees_the_whole_loop_on_the_local_broker(tmp_path: Path):
    the_whole_loop_was_seen(await demo(tmp_path))
