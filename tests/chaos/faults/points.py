"""A service that kills itself at a named point of its work."""

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from typing import Any

from chaos.fail_points import POINTS
from chaos.faults.fault import Fault, Parameters
from chaos.ground import Ground

_PATIENCE = 10.0
"""Seconds beyond its time, since the service first has to start."""
_OF_COMMANDS = ("enrollment", "matching", "sessions")
_OF_CONSUMERS = ("matching", "sessions", "feedback")


class FailPoint(Fault):
    """The service is started again armed; who does not come to the point in time is killed wherever it is."""

    name = "fail-point"
    lasts = (7.0, 11.0)

    def __init__(self, points: Sequence[str] = tuple(sorted(POINTS))) -> None:
        self._points = points

    def draw(self, dice: random.Random) -> dict[str, Any]:
        point = dice.choice(self._points)
        passing = _OF_COMMANDS if point.startswith("command") else _OF_CONSUMERS
        return {"service": dice.choice(passing), "point": point, "hit": dice.randint(1, 4)}

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.platform.services[parameters["service"]]
        await asyncio.to_thread(service.kill)
        own = service.command
        service.command = (sys.executable, "-m", "chaos.fail_points", f"{parameters['service']}.main")
        try:
            service.start(FAIL_POINT=parameters["point"], FAIL_AT_HIT=str(parameters["hit"]))
        finally:
            service.command = own

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.platform.services[parameters["service"]]
        deadline = time.monotonic() + _PATIENCE
        while service.runs and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        ground.armed += 1
        ground.reached += not service.runs
        await asyncio.to_thread(service.kill)
        service.start()
