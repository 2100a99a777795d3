"""A relay's brake on a broker that forgets: it runs no further ahead than the route table's groups have committed."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

_log = structlog.get_logger(__name__)

_EVERY = 2
_PAUSE = 0.05


class CommittedOffsets:
    """Looks every second page how far each group is behind the end of each partition.

    `furthest` messages a partition, with two more pages, stay below what librdkafka's mock cluster keeps of a partition
    (100,000 messages or 5 MB).
    """

    def __init__(
        self,
        bootstrap_servers: str,
        groups: Mapping[str, Sequence[str]],
        *,
        furthest: int = 1_000,
        loud_after: float = 15.0,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics_of = {
            group: [topic for topic, names in groups.items() if group in names]
            for group in sorted({name for names in groups.values() for name in names})
        }
        self._furthest = furthest
        self._loud_after = loud_after
        self._pages = 0
        self._consumers: dict[str, AIOKafkaConsumer] = {}

    async def hold(self) -> None:
        """Wait until no group is further behind than allowed."""
        self._pages += 1
        if self._pages % _EVERY:
            return
        since, told = monotonic(), False
        while (group := await self._furthest_behind()) is not None:
            if not told and monotonic() - since > self._loud_after:
                _log.error("relay waits for a group that stands still", group=group, topics=self._topics_of[group])
                told = True
            await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """Close the connections."""
        consumers, self._consumers = self._consumers, {}
        for consumer in consumers.values():
            with suppress(KafkaError):
                await consumer.stop()

    async def _furthest_behind(self) -> str | None:
        try:
            for group in self._topics_of:
                if await self._is_behind(group):
                    return group
        except KafkaError:
            # The relay's own sends meet the same broker and say what is wrong with it.
            await self.close()
        return None

    async def _is_behind(self, group: str) -> bool:
        consumer = self._consumers.get(group) or await self._connected(group)
        places = sorted(consumer.assignment())
        ends = await consumer.end_offsets(places)
        for place in places:
            if ends[place] - (await consumer.committed(place) or 0) > self._furthest:
                return True
        return False

    async def _connected(self, group: str) -> AIOKafkaConsumer:
        places = await self._partitions(self._topics_of[group])
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap_servers, group_id=group, enable_auto_commit=False)
        self._consumers[group] = consumer
        await consumer.start()
        # Once: aiokafka fails an assertion when an assignment changes under it.
        consumer.assign(places)
        return consumer

    async def _partitions(self, topics: Sequence[str]) -> list[TopicPartition]:
        """All partitions; aiokafka knows them once one of a topic is assigned and was asked for."""
        async with AIOKafkaConsumer(bootstrap_servers=self._bootstrap_servers) as consumer:
            first = [TopicPartition(topic, 0) for topic in topics]
            consumer.assign(first)
            await consumer.end_offsets(first)
            return [
                TopicPartition(topic, partition)
                for topic in topics
                for partition in sorted(consumer.partitions_for_topic(topic) or ())
            ]
