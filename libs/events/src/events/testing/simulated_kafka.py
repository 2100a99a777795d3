"""Kafka as far as a relay and a consumer group see it: partitions as lists, faults when a test asks for them.

What it shares with the real one: a batch arrives whole or not at all, its answer may be lost; a member's position is
its own, the committed offset the group's; who lost a partition can neither seek nor commit there.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError, ProducerClosed

Header: TypeAlias = tuple[str, bytes]
Record: TypeAlias = ConsumerRecord[bytes, bytes]


class Answer(Enum):
    """How the broker answers a batch."""

    STORED = "stored"
    LOST = "lost"
    """It is stored, and nobody is told."""
    REFUSED = "refused"


@dataclass(slots=True)
class SimulatedKafka:
    """One topic, and one group that consumes it."""

    topic: str
    partitions: int
    log: dict[TopicPartition, list[Record]] = field(init=False)
    committed: dict[TopicPartition, int] = field(init=False)
    owners: dict[TopicPartition, "SimulatedMember"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.log = {TopicPartition(self.topic, number): [] for number in range(self.partitions)}
        self.committed = dict.fromkeys(self.log, 0)

    def store(self, place: TopicPartition, key: bytes, value: bytes, headers: Sequence[Header]) -> None:
        """Append a record."""
        offset = len(self.log[place])
        self.log[place].append(
            ConsumerRecord(place.topic, place.partition, offset, 0, 0, key, value, None, 36, len(value), tuple(headers))
        )


class Batch:
    """Messages for one partition; `most` of them, so that a page makes several batches."""

    def __init__(self, most: int) -> None:
        self.messages: list[tuple[bytes, bytes, Sequence[Header]]] = []
        self._most = most

    def append(self, *, key: bytes, value: bytes, timestamp: None, headers: Sequence[Header]) -> object | None:  # noqa: ARG002 - the client's signature
        """Add a message; None when there is no room."""
        if len(self.messages) >= self._most:
            return None
        self.messages.append((key, value, headers))
        return self


class SimulatedProducer:
    """`aiokafka.AIOKafkaProducer`, as far as the relay uses it."""

    def __init__(self, kafka: SimulatedKafka, answers: list[Answer], sent: Callable[[], Awaitable[None]]) -> None:
        self._kafka = kafka
        self._answers = answers
        self._sent = sent
        self._closed = False
        self._sender = self.client = self

    async def start(self) -> None:
        """It is connected."""

    async def stop(self) -> None:
        """Nothing is sent any more."""
        self._closed = True

    async def close(self) -> None:
        """As its parts are ended one by one."""

    async def partitions_for(self, topic: str) -> set[int]:
        """Numbers of the topic's partitions."""
        return {place.partition for place in self._kafka.log if place.topic == topic}

    def create_batch(self) -> Batch:
        """An empty batch."""
        return Batch(most=2)

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Awaitable[None]:
        """Send; what it returns is awaited for the broker's answer."""
        if self._closed:
            raise ProducerClosed
        return self._answer(batch, TopicPartition(topic, partition))

    async def _answer(self, batch: Batch, place: TopicPartition) -> None:
        answer = self._answers.pop(0) if self._answers else Answer.STORED
        if answer is not Answer.REFUSED:
            for key, value, headers in batch.messages:
                self._kafka.store(place, key, value, headers)
        if answer is not Answer.STORED:
            raise KafkaConnectionError
        await self._sent()


class SimulatedMember:
    """One member of the group: `consumer.Partitions`, and how it polls and commits."""

    def __init__(self, kafka: SimulatedKafka) -> None:
        self._kafka = kafka
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()

    def assign(self, places: set[TopicPartition]) -> None:
        """Its partitions from now on. Like aiokafka it forgets positions and pauses, and asks the group where it is."""
        self._positions = {place: self._kafka.committed[place] for place in places}
        self._paused = set()

    def poll(self, most: int) -> list[Record]:
        """The next records of each partition, no more than `most` in all."""
        taken: list[Record] = []
        for place in sorted(self._positions.keys() - self._paused):
            at = self._positions[place]
            found = self._kafka.log[place][at : at + most - len(taken)]
            self._positions[place] += len(found)
            taken += found
        return taken

    def give_back(self, records: Sequence[Record]) -> None:
        """A batch failed: it will be polled again."""
        first: dict[TopicPartition, int] = defaultdict(lambda: 1 << 60)
        for record in records:
            place = TopicPartition(record.topic, record.partition)
            first[place] = min(first[place], record.offset)
        self._positions |= {place: at for place, at in first.items() if place in self._positions}

    def commit(self) -> bool:
        """Commit where it is. Refused as a whole when a partition is no longer its own and it has not heard."""
        fenced = any(self._kafka.owners[place] is not self for place in self._positions)
        if not fenced:
            self._kafka.committed |= self._positions
        return not fenced

    def rewind(self, place: TopicPartition, offset: int) -> None:
        """An operator set the group back."""
        if place in self._positions:
            self._positions[place] = offset

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Poll from this offset next."""
        self._check(partition)
        self._positions[partition] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        """Poll nothing of these."""
        for partition in partitions:
            self._check(partition)
        self._paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Poll them again."""
        for partition in partitions:
            self._check(partition)
        self._paused -= set(partitions)

    def assignment(self) -> set[TopicPartition]:
        """Its partitions now."""
        return set(self._positions)

    def _check(self, partition: TopicPartition) -> None:
        if partition not in self._positions:
            raise IllegalStateError(f"No current assignment for partition {partition}")
