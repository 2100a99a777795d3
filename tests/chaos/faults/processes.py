"""Faults of the services' own processes."""

import asyncio
import os
import random
import signal
import sys
import time
from contextlib import suppress
from typing import Any

import httpx

from chaos.fates import Missed
from chaos.faults.fault import SERVICES, Fault, Parameters
from chaos.ground import Ground
from integration.processes import Program

_TO_START = 60.0


class KillService(Fault):
    """SIGKILL, and started again."""

    name = "kill-service"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(ground.running(parameters["service"]).kill)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.platform.services[parameters["service"]]
        if not service.runs:
            service.start()


def send(program: Program, number: signal.Signals) -> None:
    """Send a signal, where there is a process to get it."""
    if program.runs and program.process is not None:
        os.kill(program.process.pid, number)


class FreezeService(Fault):
    """SIGSTOP until its consumers' sessions have run out and others lead, then SIGCONT."""

    name = "freeze-service"
    lasts = (11.0, 14.0)

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        send(ground.running(parameters["service"]), signal.SIGSTOP)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        send(ground.platform.services[parameters["service"]], signal.SIGCONT)


class SlowService(Fault):
    """It runs a fifth of the time."""

    name = "slow-service"
    lasts = (4.0, 8.0)

    def __init__(self) -> None:
        self._pulses: dict[str, asyncio.Task[None]] = {}

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.running(parameters["service"])
        self._pulses[parameters["service"]] = asyncio.create_task(_pulse(service))

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        pulse = self._pulses.pop(parameters["service"])
        pulse.cancel()
        await asyncio.gather(pulse, return_exceptions=True)
        send(ground.platform.services[parameters["service"]], signal.SIGCONT)


async def _pulse(service: Program) -> None:
    while True:
        send(service, signal.SIGSTOP)
        await asyncio.sleep(0.4)
        send(service, signal.SIGCONT)
        await asyncio.sleep(0.1)


async def _at_work(other: Program, **changed: str) -> None:
    """Wait until it takes part. One that ends, since another fault keeps it from its servers, is started again."""
    deadline = time.monotonic() + _TO_START
    async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
        while time.monotonic() < deadline:
            if not other.runs:
                other.start(**changed)
            with suppress(httpx.TransportError):
                if (await http.get(f"{other.url}/readyz")).is_success:
                    return
            await asyncio.sleep(0.2)
    raise Missed(f"it was not ready within {_TO_START:g} s")


class Further(Fault):
    """A further process of a service, which is killed in the end."""

    roles: str
    lasts = (3.0, 9.0)

    def __init__(self) -> None:
        self._running: dict[str, Program] = {}

    def target(self, parameters: Parameters) -> str:
        return f"further {parameters['service']}"

    def command(self, parameters: Parameters) -> tuple[str, ...]:
        """What it runs, where that is not what the service runs."""
        return ()

    def environment(self, ground: Ground, parameters: Parameters) -> dict[str, str]:
        """What it gets beside the service's environment."""
        return {}

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        name = parameters["service"]
        other = ground.platform.another(name, self.roles, *self.command(parameters))
        self._running[name] = other
        await _at_work(other, **self.environment(ground, parameters))

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(self._running.pop(parameters["service"]).kill)


class SecondRelay(Further):
    """Two processes relay one store."""

    name = "second-relay"
    roles = "relay"


class SecondConsumer(Further):
    """Another member joins every group of a service in the middle of work, and dies."""

    name = "second-consumer"
    roles = "consumer,projector"


class SkewClock(Further):
    """A process whose machine's clock is off by an hour works beside the others."""

    name = "skewed-clock"
    roles = "consumer,relay,projector"

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {"service": dice.choice(SERVICES), "seconds": dice.choice((-3600, 3600))}

    def command(self, parameters: Parameters) -> tuple[str, ...]:
        return (sys.executable, "-m", "chaos.skewed_clock", f"{parameters['service']}.main")

    def environment(self, ground: Ground, parameters: Parameters) -> dict[str, str]:
        return {"SKEW_SECONDS": str(parameters["seconds"])}
