"""A service that kills itself at a named point of its work."""

import asyncio
import random
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from chaos.fail_points import POINTS
from chaos.fates import Fate, Missed
from chaos.faults.fault import Fault, Parameters
from chaos.ground import Ground
from integration.processes import Program

_PATIENCE = 40.0
"""Seconds beyond its time: the service first has to start, and its consumers wait for the end of a dead session."""
_OF_COMMANDS = ("enrollment", "matching", "sessions")
_OF_CONSUMERS = ("matching", "sessions", "feedback")


class FailPoint(Fault):
    """The service is started again armed; one that does not come to the point in time is killed wherever it is."""

    name = "fail-point"
    lasts = (7.0, 11.0)

    def __init__(self, points: Sequence[str] = tuple(sorted(POINTS))) -> None:
        self._points = points

    def draw(self, dice: random.Random) -> dict[str, Any]:
        point = dice.choice(self._points)
        passing = _OF_COMMANDS if point.startswith("command") else _OF_CONSUMERS
        return {"service": dice.choice(passing), "point": point, "hit": dice.randint(1, 4)}

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(ground.platform.services[parameters["service"]].kill)
        _start_armed(ground, parameters)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.platform.services[parameters["service"]]
        deadline = time.monotonic() + _PATIENCE
        while not (reached := _reached(service)) and time.monotonic() < deadline:
            if not service.runs:
                ground.restarts += 1
                _start_armed(ground, parameters)
            await asyncio.sleep(0.1)
        await asyncio.to_thread(service.kill)
        service.start()
        if not reached:
            raise Missed("the process did not pass the point in time, and was killed elsewhere", Fate.NOT_REACHED)


def _reached(service: Program) -> bool:
    """Whether it killed itself; one that ends for want of its servers does not end by this signal."""
    return service.process is not None and service.process.poll() == -signal.SIGKILL


def _start_armed(ground: Ground, parameters: Parameters) -> None:
    service = ground.platform.services[parameters["service"]]
    own = service.command
    service.command = (sys.executable, "-m", "chaos.fail_points", f"{parameters['service']}.main")
    try:
        service.start(FAIL_POINT=parameters["point"], FAIL_AT_HIT=str(parameters["hit"]))
    finally:
        service.command = own
