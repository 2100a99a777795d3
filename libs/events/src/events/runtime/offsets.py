"""How far a consumer group has come in its topics, asked of the broker by one who is no member of it."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError


class Progress(NamedTuple):
    """Of a group in a partition: the offset it will read next, and the one after the last message."""

    committed: int
    end: int

    @property
    def behind(self) -> int:
        """Messages that it has not committed."""
        return max(self.end - self.committed, 0)


class GroupOffsets:
    """One group's offsets. Connects when it is first asked, and again after `close`."""

    def __init__(self, bootstrap_servers: str, group: str, topics: Sequence[str]) -> None:
        self.topics = topics
        self._bootstrap_servers = bootstrap_servers
        self._group = group
        self._consumer: AIOKafkaConsumer | None = None

    async def progress(self) -> dict[TopicPartition, Progress]:
        """Of every partition. Raises KafkaError."""
        if not self.topics:
            return {}
        consumer = self._consumer or await self._connected()
        places = sorted(consumer.assignment())
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        # What was deleted by age before the group read it lies behind it too.
        return {
            place: Progress(max(await consumer.committed(place) or 0, begins[place]), ends[place]) for place in places
        }

    async def close(self) -> None:
        """Close the connection."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError):
                await consumer.stop()

    async def _connected(self) -> AIOKafkaConsumer:
        places = await self._partitions()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, group_id=self._group, enable_auto_commit=False
        )
        self._consumer = consumer
        await consumer.start()
        # Once: aiokafka fails an assertion when an assignment changes under it.
        consumer.assign(places)
        # It only asks; without this it would fetch what it never reads.
        consumer.pause(*places)
        return consumer

    async def _partitions(self) -> list[TopicPartition]:
        """All partitions; aiokafka knows them once one of a topic is assigned and was asked for."""
        async with AIOKafkaConsumer(bootstrap_servers=self._bootstrap_servers) as consumer:
            first = [TopicPartition(topic, 0) for topic in self.topics]
            consumer.assign(first)
            await consumer.end_offsets(first)
            return [
                TopicPartition(topic, partition)
                for topic in self.topics
                for partition in sorted(consumer.partitions_for_topic(topic) or ())
            ]
