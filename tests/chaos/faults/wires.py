"""Cuts between services and servers that heal: connections break, or no byte passes and nobody is told."""

import asyncio
import random
from typing import Any

from chaos.faults.fault import Fault, Parameters
from chaos.ground import Ground
from chaos.servers import Stand


class CutDatabase(Fault):
    """Between one service and its database."""

    name = "cut-database"
    lasts = (1.0, 8.0)

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {**super().draw(dice), "silently": dice.random() < 0.5}

    def target(self, parameters: Parameters) -> str:
        return f"database wire {parameters['service']}"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        wire = ground.stand.postgres_wires[parameters["service"]]
        await asyncio.to_thread(lambda: wire.cut(silently=parameters["silently"]))

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(ground.stand.postgres_wires[parameters["service"]].heal)


class CutBroker(Fault):
    """Between everybody and Kafka."""

    name = "cut-broker"
    lasts = (1.0, 8.0)

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {"silently": dice.random() < 0.5}

    def target(self, parameters: Parameters) -> str:
        return "kafka"

    def why_not(self, stand: Stand) -> str | None:
        return None if stand.kafka_wires else "the local broker names its own address to its clients"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        for wire in ground.stand.kafka_wires:
            await asyncio.to_thread(wire.cut, silently=parameters["silently"])

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        for wire in ground.stand.kafka_wires:
            await asyncio.to_thread(wire.heal)
