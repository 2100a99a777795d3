"""`python -m chaos.fail_points MODULE` runs a module that kills itself (SIGKILL) at a named point of its work.

FAIL_POINT names the point, FAIL_AT_HIT the time it is passed for (from 1). The runtime knows nothing of it: its
functions are wrapped here.
"""

import functools
import importlib
import os
import runpy
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any


def _always(_: tuple[Any, ...]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a function of the runtime; `counts` tells from its arguments which calls pass the point."""

    module: str
    function: str
    after: bool
    counts: Callable[[tuple[Any, ...]], bool] = _always


POINTS: Mapping[str, Point] = {
    "command before commit": Point("events.runtime.store", "append", after=True),
    "command after commit": Point("events.runtime.group_commit", "GroupCommit._settle", after=False),
    "sent before the cursor moves": Point(
        "events.runtime.cursors", "move", after=False, counts=lambda given: str(given[1]).startswith("relay")
    ),
    "projection before commit": Point(
        "events.runtime.cursors", "move", after=True, counts=lambda given: str(given[1]).startswith("projection")
    ),
    "delivery before its effect": Point(
        "events.runtime.applying", "Applier.once", after=False, counts=lambda given: bool(given[1])
    ),
    "effect before commit": Point(
        "events.runtime.applying", "Applier._settle", after=True, counts=lambda given: bool(given[3].applied)
    ),
    "effect before offsets": Point(
        "events.runtime.applying", "Applier.once", after=True, counts=lambda given: bool(given[1])
    ),
}


def target(point: Point) -> tuple[Any, str]:
    """What holds the function, and its name there. Raises AttributeError where the runtime has no such function."""
    owner: Any = importlib.import_module(point.module)
    *path, name = point.function.split(".")
    for part in path:
        owner = getattr(owner, part)
    getattr(owner, name)
    return owner, name


def arm(point: Point, hit: int) -> None:
    """From now on the `hit`-th pass is the last thing this process does."""
    owner, name = target(point)
    function = getattr(owner, name)
    passed = 0

    def die(given: tuple[Any, ...]) -> None:
        nonlocal passed
        if point.counts(given):
            passed += 1
            if passed >= hit:
                os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(function)
    async def asynchronous(*given: Any, **named: Any) -> Any:
        if not point.after:
            die(given)
        found = await function(*given, **named)
        if point.after:
            die(given)
        return found

    @functools.wraps(function)
    def synchronous(*given: Any, **named: Any) -> Any:
        if not point.after:
            die(given)
        found = function(*given, **named)
        if point.after:
            die(given)
        return found

    setattr(owner, name, asynchronous if _is_asynchronous(function) else synchronous)


def _is_asynchronous(function: Callable[..., Any | Awaitable[Any]]) -> bool:
    return bool(function.__code__.co_flags & 0x80)  # CO_COROUTINE


def main() -> None:
    """Run the module as if it had been started itself."""
    sys.argv[1:], module = [], sys.argv[1]
    arm(POINTS[os.environ["FAIL_POINT"]], int(os.environ["FAIL_AT_HIT"]))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
