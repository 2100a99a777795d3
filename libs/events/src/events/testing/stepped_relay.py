"""A relay that a test moves on page by page: the same code, stopped at the same places each time."""

import asyncio
from typing import Any

from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from events.runtime.codec import Codec
from events.runtime.database import autocommitting
from events.runtime.publishing import Publications
from events.runtime.relay import Relay
from events.runtime.sending import Sender
from events.testing.simulated_kafka import Answer, SimulatedKafka, SimulatedProducer

CURSOR = "relay"


class SteppedRelay:
    """Leads without asking for the lock, so that several lead at once. It is its own brake and its own hint."""

    def __init__(self, pool: AsyncEngine, codec: Codec, publications: Publications, kafka: SimulatedKafka) -> None:
        self.answers: list[Answer] = []
        """What the broker answers to its next batches."""
        self.stops_before_cursor = False
        """Whether the next step stops when a batch is sent."""
        self._pool = pool
        self._sender = Sender(
            bootstrap_servers="",
            codec=codec,
            publications=publications,
            source="/flow",
            schema_base="http://flow.test",
            create_producer=lambda _: SimulatedProducer(kafka, self.answers, self._sent),
        )
        # It asks for the class, and needs of it what this one has.
        self._relay = Relay("", self._sender, self, name=CURSOR, brake=self, page=3)  # type: ignore[arg-type]
        self._gate = asyncio.Event()
        self._still = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopped: set[asyncio.Task[Any]] = set()

    async def step(self) -> None:
        """Go on to the end of the page, or to the place where it stops, or to its end."""
        gate, self._gate = self._gate, asyncio.Event()
        others = asyncio.all_tasks()
        self._still.clear()
        if self._task is None:
            self._task = asyncio.create_task(self._lead())
        gate.set()
        still = asyncio.create_task(self._still.wait())
        await asyncio.wait([self._task, still], return_when=asyncio.FIRST_COMPLETED)
        still.cancel()
        # It reads the next page while the broker takes this one; at rest it has read it.
        await asyncio.gather(*(asyncio.all_tasks() - others - self._stopped - {self._task, still}))
        if self._task.done():
            task, self._task = self._task, None
            task.result()

    async def die(self) -> None:
        """End where it stands, as a process does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def hold(self) -> None:
        """A page is done: the relay asks its brake."""
        await self._stop()

    async def wait(self, limit: float) -> None:
        """There is nothing to relay: the relay looks again at once."""

    async def close(self) -> None:
        """It holds nothing."""

    async def _lead(self) -> None:
        async with autocommitting(self._pool).connect() as conn:
            try:
                await self._relay._lead(conn)  # noqa: SLF001 - `run` takes the lock first
            except KafkaError:
                pass  # `run` connects again, at the next step
            finally:
                await self._sender.drop()  # as `run` does

    async def _sent(self) -> None:
        if self.stops_before_cursor:
            self.stops_before_cursor = False
            await self._stop()

    async def _stop(self) -> None:
        gate = self._gate
        task = asyncio.current_task()
        if task is not None:
            self._stopped.add(task)
        self._still.set()
        await gate.wait()
