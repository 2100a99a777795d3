"""Work at a steady rate, started on time whether or not what came before has ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

RATE = 100
WARM = 200
"""Acts that are not counted."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, milliseconds: list[float]) -> "Percentiles":
        """Nearest rank."""
        ordered = sorted(milliseconds)
        return cls(ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100])


async def steadily(seconds: float, act: Callable[[UUID], Awaitable[float]]) -> dict[UUID, float]:
    """Let `act` work on RATE new meters a second; answers the moment that it answers for each."""
    since: dict[UUID, float] = {}

    async def one(meter: UUID, number: int) -> None:
        moment = await act(meter)
        if number >= WARM:
            since[meter] = moment

    begins = time.perf_counter()
    async with asyncio.TaskGroup() as acts:
        for number in range(WARM + int(seconds * RATE)):
            await asyncio.sleep(max(0.0, begins + number / RATE - time.perf_counter()))
            acts.create_task(one(uuid4(), number))
    return since
