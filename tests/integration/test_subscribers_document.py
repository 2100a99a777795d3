"""`docs/subscribers.md` is what other systems build on: its example runs, and its tables are what is on the wire."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from events.contracts import envelope
from events.contracts.envelope import Envelope
from events.contracts.registry import Audience, all_event_types
from events.testing import eventually
from integration.processes import ROOT, Platform
from integration.scenario import Program
from integration.topics import everything_told
from viceversa.platform.topics import topics_of_contracts

PAGE = (ROOT / "docs" / "subscribers.md").read_text()
_TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_DAY_MS = 24 * 3600 * 1000


def table(heading: str) -> list[list[str]]:
    """Cells of the table below a heading, without its first two lines."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[2:]]


def headers(*, everything: bool) -> list[str]:
    made = Envelope(
        id=uuid4(),
        source="/viceversa/local/matching",
        type="viceversa.PairCreated.v1",
        subject=uuid4(),
        time=datetime.now(UTC),
        sequence=7,
        dataschema="http://localhost/v1/schemas/viceversa.PairCreated.v1",
        correlation=uuid4() if everything else None,
        causation=uuid4() if everything else None,
        creation_traceparent=_TRACEPARENT if everything else None,
    )
    return [name for name, _ in envelope.encode(made, _TRACEPARENT)]


def test_the_table_of_headers_names_all_of_them_and_says_which_are_always_there() -> None:
    assert {name for name, _, _ in table("A record")} == set(headers(everything=True))
    assert {name for name, _, always in table("A record") if always == "yes"} == set(headers(everything=False))


def test_the_table_of_topics_is_what_is_created_and_how_long_it_is_kept() -> None:
    kept = {name: f"{topic.retention_ms // _DAY_MS} days" for topic in topics_of_contracts() for name in [topic.name]}
    assert {topic: days for topic, _, days in table("Topics")} == kept


def test_the_page_names_every_public_event() -> None:
    named = re.search(r"The public ones are (.*?)\. Each", PAGE, re.DOTALL)
    assert named is not None
    public = {event.type.split(".")[1] for event in all_event_types() if event.audience is Audience.PUBLIC}
    assert set(re.findall(r"`(\w+)`", named[1])) == public


def test_every_file_that_the_page_leads_to_is_there() -> None:
    links = re.findall(r"\]\((\.\./[^)#]+)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


@contextmanager
def example_running(kafka: str, folder: Path) -> Iterator[Path]:
    """The page's only Python block as a process of its own; yields the file it prints to."""
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    script, output = folder / "listen.py", folder / "output"
    script.write_text(example)
    with output.open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, script],
            env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    try:
        yield output
    finally:
        process.terminate()
        process.wait(10)


async def test_the_example_prints_every_pair_once(platform: Platform, program: Program, tmp_path: Path) -> None:
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in (1, 2)])
    early, late = await program.pair_up(), []
    with example_running(platform.servers.kafka, tmp_path) as output:

        def pairs_printed() -> list[str]:
            lines = output.read_text().splitlines()
            assert not any("Error" in line for line in lines), lines
            printed = [line.split()[1] for line in lines]
            assert {pair.id for pair in (*early, *late)} <= set(printed)
            return printed

        await eventually(pairs_printed, within=30)
        await program.sign_up([program.person(role, 3) for role in ("mentor", "mentee")])
        late += await program.pair_up()
        printed = await eventually(pairs_printed, within=30)
    assert len(printed) == len(set(printed))
    created = {
        event.data["pair"]
        for event in await everything_told(platform.servers.kafka, ("viceversa.matching.v1",))
        if event.name == "PairCreated"
    }
    assert set(printed) == created


async def test_every_record_has_the_headers_of_the_table_and_no_other(platform: Platform, program: Program) -> None:
    await program.sign_up([program.person(role, 1) for role in ("mentor", "mentee")])
    await program.pair_up()
    told = await everything_told(platform.servers.kafka)
    assert told
    known = {name for name, _, _ in table("A record")}
    always = {name for name, _, when in table("A record") if when == "yes"}
    for event in told:
        names = [name for name, _ in event.headers]
        assert len(names) == len(set(names))
        assert always <= set(names) <= known
