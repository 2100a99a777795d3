"""From the answer to a command over HTTP to the row in another service's table: two services, a process each."""

import asyncio
import time
from uuid import UUID

from benchmarks.http.connections import Connection, Request
from benchmarks.http.load import HttpWork
from benchmarks.latency.arrivals import listening
from benchmarks.latency.pace import Percentiles, steadily

CONNECTIONS = 32


def percentiles(work: HttpWork, reporting_database: str) -> Percentiles:
    """Of rows that come after the answers of `work`."""
    return asyncio.run(_percentiles(work, reporting_database))


async def _percentiles(work: HttpWork, reporting_database: str) -> Percentiles:
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection.open(work.url))

    async def command(meter: UUID) -> float:
        request = Request(f"{work.url}/v1/meters/{meter}/readings", work.token, work.body()).encoded()
        connection = await free.get()
        await connection.post(request)
        answered = time.perf_counter()
        free.put_nowait(connection)
        return answered

    async with listening(reporting_database) as arrivals:
        answered = await steadily(work.seconds, command)
        return Percentiles.of(await arrivals.after(answered))
