"""Disks that are full for a while."""

import asyncio
import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

from chaos.faults.fault import Fault, Parameters
from chaos.ground import Ground
from chaos.servers import Server, Stand

_BLOCK = 65_536


class FillDisk(Fault):
    """Under PostgreSQL or Kafka; a server that ends over it is started again when there is room."""

    name = "full-disk"
    lasts = (3.0, 8.0)

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {"server": dice.choice(("kafka", "postgres"))}

    def target(self, parameters: Parameters) -> str:
        return str(parameters["server"])

    def why_not(self, stand: Stand) -> str | None:
        return stand.no_disks or None

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(_fill, _ballast(ground, parameters))

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        _ballast(ground, parameters).unlink(missing_ok=True)
        stand = ground.stand
        server = stand.postgres if parameters["server"] == "postgres" else stand.kafka
        if server is not None:
            await asyncio.to_thread(_revive, server)


def _ballast(ground: Ground, parameters: Parameters) -> Path:
    return ground.stand.disks[parameters["server"]] / "ballast"


def _fill(ballast: Path) -> None:
    """Take all blocks that are left."""
    free = os.statvfs(ballast.parent)
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):  # the server took some of it meanwhile
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
        file.seek(0, os.SEEK_END)
        with suppress(OSError):
            while file.write(bytes(_BLOCK)):
                continue


def _revive(server: Server) -> None:
    """One that gave up is started; one that lives has room again."""
    if not server.runs:
        server.kill()
        server.start()
