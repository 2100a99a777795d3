"""Load on one endpoint: so many connections, each sending its next request when it has its answer."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from uuid import uuid4

from benchmarks.http.connections import Connection, Request
from benchmarks.workload import NOTE, UNIT

METERS = 50
"""Meters that one connection reads in turn."""


@dataclass(frozen=True, slots=True)
class HttpWork:
    """One measurement over HTTP."""

    url: str
    token: str
    connections: int = 64
    warm_seconds: float = 1.0
    seconds: float = 4.0

    def body(self) -> bytes:
        """What every request carries."""
        return json.dumps({"unit": UNIT, "note": NOTE}).encode()


def commands_per_second(work: HttpWork) -> float:
    """Readings of meters."""
    return asyncio.run(_rate(work, lambda: f"{work.url}/v1/meters/{uuid4()}/readings"))


def empty_per_second(work: HttpWork) -> float:
    """The same requests to the endpoint that does nothing."""
    return asyncio.run(_rate(work, lambda: f"{work.url}/v1/nothing"))


async def _rate(work: HttpWork, url: Callable[[], str]) -> float:
    connections = [await Connection.open(work.url) for _ in range(work.connections)]
    begins = time.perf_counter() + work.warm_seconds
    ends = begins + work.seconds

    async def keep_sending(connection: Connection) -> int:
        requests = cycle([Request(url(), work.token, work.body()).encoded() for _ in range(METERS)])
        answers = 0
        while True:
            await connection.post(next(requests))
            now = time.perf_counter()
            if now > ends:
                return answers
            answers += now > begins

    answers = sum(await asyncio.gather(*(keep_sending(connection) for connection in connections)))
    for connection in connections:
        connection.close()
    return answers / work.seconds
