"""The command: a signal ends it in good order, and nothing else is taken for one."""

import asyncio
import io
import os
import signal
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from rich.console import Console
from typer.testing import CliRunner

from events.testing import eventually
from viceversa.client import SERVICES
from viceversa.demo import performance
from viceversa.demo.command import _until_signalled
from viceversa.demo.performance import Wishes, perform
from viceversa.demo.story import Act
from viceversa.demo.subscriber import Subscriber
from viceversa.demo.surroundings import Surroundings
from viceversa.main import app


class Deaf(Subscriber):
    """Another system that hears nothing, and needs no Kafka for it."""

    async def __aenter__(self):
        return self


@pytest.fixture
def story(monkeypatch):
    """Replaces the acts with one that meets its only expectation, or does not."""

    async def today(_):
        return datetime(2026, 1, 5, tzinfo=UTC)

    def plays(*, met):
        async def act(stage):
            stage.expectations.note("the one effect is seen", met=met)
            return "played"

        monkeypatch.setattr(performance, "STORY", [Act("The only act", act)])

    monkeypatch.setattr(performance, "Subscriber", Deaf)
    monkeypatch.setattr(performance, "now", today)
    return plays


async def test_a_signal_breaks_the_work_off_once_and_lets_it_clean_up():
    printed = io.StringIO()
    cleaned_up = []

    async def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
            cleaned_up.append(True)

    assert await _until_signalled(work(), Console(file=printed)) is None
    assert cleaned_up == [True]
    assert printed.getvalue() == "stopping, because of SIGTERM\n"


async def test_work_that_ends_by_itself_answers_what_it_came_to():
    async def work():
        return 7

    assert await _until_signalled(work(), Console(file=io.StringIO())) == 7


async def test_work_that_gives_up_without_a_signal_is_not_taken_for_interrupted():
    async def work():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await _until_signalled(work(), Console(file=io.StringIO()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("met", [True, False], ids=["all met", "one missed"])
async def test_a_kept_platform_runs_until_a_signal_and_what_was_seen_before_still_counts(story, tmp_path, met, number):
    story(met=met)
    printed = io.StringIO()
    is_running = []

    @asynccontextmanager
    async def platform():
        is_running.append(True)
        yield Surroundings(
            urls=dict.fromkeys(SERVICES, "http://127.0.0.1:1"),
            identity_provider="http://127.0.0.1:1",
            kafka="127.0.0.1:1",
            spans=tmp_path,
            described_in=tmp_path / "platform.json",
        )
        await asyncio.sleep(0)
        is_running.clear()

    wishes = Wishes(people=24, seed=1, summary=tmp_path / "summary.json", keep=True)
    console = Console(file=printed, width=200)
    work = asyncio.create_task(_until_signalled(perform(console, platform(), wishes), console))
    await eventually(lambda: "Ctrl-C stops it" in printed.getvalue())
    assert is_running
    assert not work.done()
    os.kill(os.getpid(), number)

    assert await work is met
    assert not is_running


def test_a_platform_that_somebody_else_runs_cannot_be_kept(tmp_path):
    ended = CliRunner().invoke(app, ["demo", "--keep", "--platform", str(tmp_path / "platform.json")])

    assert ended.exit_code == 1
    assert "the one of --platform runs on without it" in ended.output
