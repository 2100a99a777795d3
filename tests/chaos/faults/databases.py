"""Faults of PostgreSQL."""

import asyncio
import json
import random
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from chaos.fates import Missed
from chaos.faults.fault import Fault, Parameters
from chaos.ground import Ground, patiently
from chaos.journal import Effect, Outcome

_PATIENCE = 30.0
"""Seconds beyond its time that a fault waits for something to hit."""


class KillPostgres(Fault):
    """SIGKILL to the whole server; it recovers from its log."""

    name = "kill-postgres"
    lasts = (0.0, 2.0)

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {}

    def target(self, parameters: Parameters) -> str:
        return "postgres"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(ground.stand.postgres.kill)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(ground.stand.postgres.start)


class TerminateBackends(Fault):
    """`pg_terminate_backend` at random, in the middle of transactions."""

    name = "terminate-backends"
    lasts = (2.0, 5.0)

    def __init__(self) -> None:
        self._storms: dict[str, _Storm] = {}

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {**super().draw(dice), "seed": dice.randrange(2**32)}

    def target(self, parameters: Parameters) -> str:
        return f"backends {parameters['service']}"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        self._storms[parameters["service"]] = _Storm(ground, parameters)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        storm = self._storms.pop(parameters["service"])
        deadline = time.monotonic() + _PATIENCE
        while not storm.terminated and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        await storm.end()
        if not storm.terminated:
            raise Missed(f"the service had no backend within {_PATIENCE:g} s")


class _Storm:
    """Terminates backends of a service until it is ended."""

    def __init__(self, ground: Ground, parameters: Parameters) -> None:
        self.terminated = 0
        self._server, self._database = ground.stand.addresses.postgres, parameters["service"]
        self._dice = random.Random(parameters["seed"])
        self._blowing = asyncio.create_task(self._blow())

    async def end(self) -> None:
        self._blowing.cancel()
        await asyncio.gather(self._blowing, return_exceptions=True)

    async def _blow(self) -> None:
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self._server, timeout=5)
                try:
                    for _ in range(20):
                        await self._terminate_one(connection)
                        await asyncio.sleep(self._dice.uniform(0.02, 0.3))
                finally:
                    await connection.close(timeout=5)

    async def _terminate_one(self, connection: asyncpg.Connection) -> None:
        pids = await connection.fetch(
            "select pid from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()"
            " order by state = 'idle', pid",
            self._database,
        )
        # Those that do something come first, and are drawn more often.
        if pids:
            pid = pids[min(self._dice.randrange(len(pids)), self._dice.randrange(len(pids)))][0]
            self.terminated += await connection.fetchval("select pg_terminate_backend($1)", pid)


class HoldAppend(Fault):
    """An append stays open while later ones commit; then it commits, too, or rolls back.

    It plans a session of a pair of its own, so that the topic has to tell of it.
    """

    name = "held-append"
    lasts = (2.0, 9.0)

    def __init__(self) -> None:
        self._held: dict[str, tuple[asyncpg.Connection, int]] = {}

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {"commits": dice.random() < 0.7, "pair": str(UUID(int=dice.getrandbits(128), version=4))}

    def target(self, parameters: Parameters) -> str:
        return f"append {parameters['pair']}"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        pair, at = parameters["pair"], datetime.now(UTC)
        number = ground.journal.asked("held append", Effect("sessions", "SessionPlanned", {"stream": pair}))
        trace = uuid4().hex
        ground.journal.began(trace)
        data = {"program": str(uuid4()), "session": str(uuid4()), "minutes": 45}
        data["starts_at"] = (at + timedelta(days=3)).isoformat()
        metadata = {"at": at.isoformat(), "traceparent": f"00-{trace}-{trace[:16]}-01"}
        row = (UUID(pair), json.dumps(data), json.dumps(metadata))
        try:
            self._held[pair] = (await patiently(lambda: _append_open(ground, row)), number)
        except Missed:
            ground.journal.ended(number, Outcome.FAILED, "it was never sent to be committed")
            raise

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        held = self._held.pop(parameters["pair"], None)
        if held is None:
            return
        connection, number = held
        try:
            await connection.execute("commit" if parameters["commits"] else "rollback", timeout=10)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            ground.journal.ended(number, Outcome.UNKNOWN, "the connection was lost")
            return
        ground.journal.ended(number, Outcome.OK if parameters["commits"] else Outcome.FAILED)
        await connection.close(timeout=5)


async def _append_open(ground: Ground, row: tuple[UUID, str, str]) -> asyncpg.Connection:
    """A connection whose transaction has appended an event, and goes on."""
    connection = await ground.database("sessions")
    try:
        await connection.execute("begin")
        await connection.execute(
            "insert into events (event_id, stream_id, stream_version, type, schema_version, data, metadata)"
            " values (gen_random_uuid(), $1, 1, 'SessionPlanned', 1, $2, $3)",
            *row,
        )
    except BaseException:
        connection.terminate()
        raise
    return connection
