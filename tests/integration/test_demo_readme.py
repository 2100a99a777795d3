"""The README's first page is kept: its example runs, its tasks exist, its links lead somewhere."""

import asyncio
import re
import sys
from pathlib import Path

from integration.processes import ROOT, Platform
from integration.scenario import Program

README = (ROOT / "README.md").read_text()


async def test_the_example_prints_a_pair_as_it_is_made(platform: Platform, program: Program, tmp_path: Path):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / ".viceversa").mkdir()
    (tmp_path / ".viceversa" / "platform.json").write_text(platform.describe().read_text())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", example, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    try:
        await program.sign_up([program.person(role, 1) for role in ("mentor", "mentee")])
        (pair,) = await program.pair_up()
        async with asyncio.timeout(60):
            while pair.id not in (line := (await process.stdout.readline()).decode()):
                assert line, "the example ended"
    finally:
        process.kill()
        await process.wait()


def test_every_task_that_is_named_exists():
    tasks = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"make ([a-z-]+)\b", README)) <= tasks


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
