"""Faults of Kafka and Redis."""

import asyncio
import random
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chaos.faults.fault import Fault, Parameters
from chaos.ground import Ground
from chaos.servers import Stand


class _OfKafka(Fault):
    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {}

    def target(self, parameters: Parameters) -> str:
        return "kafka"

    def why_not(self, stand: Stand) -> str | None:
        return "the local broker keeps nothing and cannot be killed" if stand.kafka is None else None


class KillKafka(_OfKafka):
    """SIGKILL, and started again on its log."""

    name = "kill-kafka"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        if ground.stand.kafka is not None:
            await asyncio.to_thread(ground.stand.kafka.kill)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        if ground.stand.kafka is not None:
            await asyncio.to_thread(ground.stand.kafka.start)


class FreezeKafka(_OfKafka):
    """SIGSTOP beyond the time that a request may take, then SIGCONT."""

    name = "freeze-kafka"
    lasts = (5.0, 14.0)

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        if ground.stand.kafka is not None:
            await asyncio.to_thread(ground.stand.kafka.freeze)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        if ground.stand.kafka is not None:
            await asyncio.to_thread(ground.stand.kafka.thaw)


class KillRedis(Fault):
    """Flushed, killed, started again empty."""

    name = "kill-redis"
    lasts = (1.0, 4.0)

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {}

    def target(self, parameters: Parameters) -> str:
        return "redis"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        with suppress(RedisError, OSError):
            async with Redis.from_url(ground.stand.addresses.redis) as redis:
                await redis.flushall()
        await asyncio.to_thread(ground.stand.redis.kill)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(ground.stand.redis.start)
