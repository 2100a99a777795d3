"""Faults of Kafka and Redis."""

import asyncio
import random
from contextlib import suppress
from typing import Any

from confluent_kafka.admin import AdminClient
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chaos.faults.fault import Fault, Parameters
from chaos.ground import Ground, patiently
from chaos.servers import Stand
from integration.servers import Servers


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


class KillBroker(_OfKafka):
    """SIGKILL to one of three brokers; it is back once it has copied what it missed."""

    name = "kill-broker"
    lasts = (2.0, 14.0)  # shorter and longer than the session after which the others lead its partitions

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {"broker": dice.randint(1, 3)}

    def why_not(self, stand: Stand) -> str | None:
        return None if stand.brokers else "one broker is all of Kafka; `--brokers 3` starts three"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(ground.stand.brokers[parameters["broker"] - 1].kill)

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        await asyncio.to_thread(ground.stand.brokers[parameters["broker"] - 1].start)
        await patiently(lambda: asyncio.to_thread(_all_in_sync, ground.stand.addresses))


def _all_in_sync(servers: Servers) -> None:
    """Fails while a partition lacks a copy: to kill the next broker then would be to kill two."""
    admin = AdminClient({"bootstrap.servers": servers.kafka, "log_level": 0})
    topics = admin.list_topics(timeout=10).topics.values()
    lacking = [
        f"{topic.topic}/{number}"
        for topic in topics
        for number, partition in topic.partitions.items()
        if len(partition.isrs) < servers.brokers
    ]
    if lacking:
        raise TimeoutError(f"not all brokers have caught up with {lacking[:3]}")


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
