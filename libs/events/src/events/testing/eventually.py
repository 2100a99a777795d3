"""Waiting in a test for what happens in another process: again and again, with a limit, never for a fixed time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    assertion: Callable[[], Awaitable[T] | T],
    *,
    within: float = 30.0,
    every: float = 0.05,
) -> T:
    """Run `assertion` until it holds, and answer what it returns.

    It does not hold yet while it raises AssertionError or returns False. After `within` seconds its last failure is
    raised. Any other exception is raised at once.
    """
    deadline = time.monotonic() + within
    while True:
        try:
            result = assertion()
            if inspect.isawaitable(result):
                result = await result
            if result is False:
                raise AssertionError(f"{getattr(assertion, '__name__', 'assertion')} still answers False")  # noqa: TRY301
        except AssertionError as failure:
            if time.monotonic() >= deadline:
                failure.add_note(f"still so after {within:g} s")
                raise
        else:
            return result
        await asyncio.sleep(every)
