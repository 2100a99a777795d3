"""Looking again until what an event makes is there, with a limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT_S = 60.0
"""How long an effect in another service may take before it counts as missing."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5


async def until(look: Callable[[], Awaitable[T]], satisfied: Callable[[T], bool], limit: float = LIMIT_S) -> T:
    """Look again until satisfied or the limit (seconds) is over; answers what was seen last."""
    end = time.monotonic() + limit
    pause = _FIRST_PAUSE_S
    while not satisfied(seen := await look()) and time.monotonic() < end:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)
    return seen
