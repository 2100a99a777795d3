"""The peer `eventsourcing` 9.5 with its own PostgreSQL recorder: load the aggregate, decide, save.

Its defaults, with psycopg's compiled implementation and as many connections as callers can use.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from sqlalchemy import make_url

from benchmarks.workload import NOTE, UNIT, StoreWork

CONNECTIONS = 4
"""More make it slower: an append locks the table."""


class FellBack(Exception):
    """A meter never counts backwards."""


class Meter(Aggregate):
    """The same meter as an aggregate."""

    @event("MeterInstalled")
    def __init__(self, place: str) -> None:
        self.place = place
        self.last = 0

    def take_reading(self, reading: int, unit: str, note: str) -> None:
        """Decide, then record."""
        if reading < self.last:
            raise FellBack
        self._record(reading, unit, note)

    @event("ReadingTaken")
    def _record(self, reading: int, unit: str, note: str) -> None:  # noqa: ARG002 - the event keeps them
        self.last = reading


def one_by_one(work: StoreWork) -> float:
    """Commands a second, one caller."""
    application, meters = _installed(work)
    _read_one(application, meters[0])
    began = time.perf_counter()
    for meter in islice(cycle(meters), work.commands):
        _read_one(application, meter)
    return _rate(application, work, began)


def in_sets(work: StoreWork) -> float:
    """Commands a second, saved in sets of different aggregates."""
    application, meters = _installed(work)
    _read_set(application, meters[: work.set_size])
    order = cycle(meters)
    began = time.perf_counter()
    for _ in range(work.commands // work.set_size):
        _read_set(application, list(islice(order, work.set_size)))
    return _rate(application, work, began)


def by_callers(work: StoreWork) -> float:
    """Commands a second, many callers at once, a thread each."""
    application, meters = _installed(work)

    def caller(number: int) -> None:
        for meter in islice(cycle(meters[number :: work.callers]), work.commands // work.callers):
            _read_one(application, meter)

    with ThreadPoolExecutor(work.callers) as callers:
        began = time.perf_counter()
        list(callers.map(caller, range(work.callers)))
        return _rate(application, work, began)


def _installed(work: StoreWork) -> tuple[Application[UUID], list[UUID]]:
    url = make_url(work.database_url)
    application = Application[UUID](
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": url.database or "",
            "POSTGRES_HOST": str(url.query.get("host", url.host or "127.0.0.1")),
            "POSTGRES_PORT": str(url.port or 5432),
            "POSTGRES_USER": url.username or "postgres",
            "POSTGRES_PASSWORD": url.password or "postgres",
            "POSTGRES_POOL_SIZE": str(CONNECTIONS),
            "POSTGRES_MAX_OVERFLOW": "0",
        }
    )
    meters = [Meter("cellar") for _ in range(work.streams)]
    for meter in meters:
        meter.take_reading(1, UNIT, NOTE)
    for start in range(0, len(meters), 250):
        application.save(*meters[start : start + 250])
    return application, [meter.id for meter in meters]


def _read_one(application: Application[UUID], meter: UUID) -> None:
    aggregate: Meter = application.repository.get(meter)
    aggregate.take_reading(aggregate.last + 1, UNIT, NOTE)
    application.save(aggregate)


def _read_set(application: Application[UUID], meters: Sequence[UUID]) -> None:
    aggregates: list[Meter] = [application.repository.get(meter) for meter in meters]
    for aggregate in aggregates:
        aggregate.take_reading(aggregate.last + 1, UNIT, NOTE)
    application.save(*aggregates)


def _rate(application: Application[UUID], work: StoreWork, began: float) -> float:
    seconds = time.perf_counter() - began
    application.close()
    return work.commands / seconds
