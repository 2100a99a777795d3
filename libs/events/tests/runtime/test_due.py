"""What time makes due is carried out once, by one process at a time, and a failure of one spares the others."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from structlog.testing import capture_logs

from events.runtime.clock import SystemClock
from events.runtime.due import DueWork, DueWorker
from events.runtime.group_commit import GroupCommit
from events.runtime.refusals import OutcomeUnknown
from events.runtime.streams import Command
from events.testing.counters import COUNTER, NOW, Database, increase
from events.testing.eventually import eventually


def worker(database: Database, due, turned: asyncio.Event | None = None) -> DueWorker:
    works = [DueWork("test", due)]
    return DueWorker(database.url, "test", database.pool, database.commands, SystemClock(), works, turned)


async def test_a_refusal_and_a_mistake_spare_the_rest_of_what_is_due(database: Database):
    counter = uuid4()

    def broken(_):
        raise ZeroDivisionError

    async def due(_, now: datetime) -> Sequence[Command]:
        assert now.tzinfo is not None
        return [
            increase(counter, limit=0),
            Command((COUNTER.stream(counter),), broken, NOW),
            increase(counter),
        ]

    with capture_logs() as logs:
        await worker(database, due).once()
    assert (await database.counter(counter)).value == 1
    assert [(line["log_level"], line.get("refusal"), line.get("error")) for line in logs] == [
        ("debug", "too-much", None),
        ("error", None, "ZeroDivisionError"),
    ]


async def test_due_work_that_met_an_outage_is_an_error_and_not_done_already(database: Database, monkeypatch):
    async def away(_, commands):
        return [OutcomeUnknown() for _ in commands]

    async def due(*_) -> Sequence[Command]:
        return [increase(uuid4())]

    monkeypatch.setattr(GroupCommit, "execute_all", away)
    with capture_logs() as logs:
        await worker(database, due).once()
    assert [(line["log_level"], line.get("error")) for line in logs] == [("error", "OutcomeUnknown")]


async def test_of_two_workers_one_works_and_the_other_takes_over(database: Database):
    worked: list[int] = []

    def work(number: int):
        async def due(*_) -> Sequence[Command]:
            worked.append(number)
            return []

        return due

    first = asyncio.create_task(worker(database, work(1)).run())
    await eventually(lambda: bool(worked))
    second = asyncio.create_task(worker(database, work(2)).run())
    await eventually(lambda: len(worked) >= 4)
    assert set(worked) == {1}
    first.cancel()
    await eventually(lambda: 2 in worked)
    second.cancel()


async def test_a_clock_that_is_turned_makes_things_due_at_once(database: Database):
    turned, looks, counter = asyncio.Event(), asyncio.Queue[UUID](), uuid4()

    async def due(*_) -> Sequence[Command]:
        looks.put_nowait(counter)
        return [increase(counter, limit=1)] if turned_once.is_set() else []

    turned_once = asyncio.Event()
    running = asyncio.create_task(worker(database, due, turned).run())
    await looks.get()
    turned_once.set()
    turned.set()

    async def done() -> None:
        assert (await database.counter(counter)).value == 1

    await eventually(done)
    assert not turned.is_set()
    running.cancel()
