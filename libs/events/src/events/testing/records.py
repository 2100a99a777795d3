"""Records as a broker delivers them, and the Kafka client's side of a consumer."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from aiokafka import ConsumerRecord, TopicPartition

from events.contracts import envelope
from events.contracts.envelope import Envelope
from events.contracts.registry import PublishedEvent
from events.contracts.sessions import AgreementSigned
from events.runtime.consumer import Consumer
from events.testing.counters import NOW

TOPIC = AgreementSigned.topic()
"""The topic that `Topic` stands for."""


class Partitions:
    """The Kafka client's side of a consumer, as far as stopping at a message goes."""

    def __init__(self) -> None:
        self.sought: list[tuple[TopicPartition, int]] = []
        self.paused: set[TopicPartition] = set()

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Remember where to."""
        self.sought.append((partition, offset))

    def pause(self, *partitions: TopicPartition) -> None:
        """Remember which."""
        self.paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Forget that it was paused."""
        self.paused -= set(partitions)

    def assignment(self) -> set[TopicPartition]:
        """Four partitions of one topic."""
        return {TopicPartition(TOPIC, number) for number in range(4)}


class Topic:
    """Records as a broker would deliver them."""

    def __init__(self) -> None:
        self._offsets = [0] * 4

    def record(
        self,
        event: PublishedEvent | bytes,
        *,
        key: UUID | None = None,
        event_id: UUID | None = None,
        partition: int = 0,
        ce_type: str = AgreementSigned.type,
    ) -> "ConsumerRecord[bytes, bytes]":
        """The next record of a partition; bytes become its value as they are."""
        key = key or uuid4()
        headers = envelope.encode(
            Envelope(
                id=event_id or uuid4(),
                source="/test",
                type=ce_type if isinstance(event, bytes) else event.type,
                subject=key,
                time=NOW,
                sequence=1,
                dataschema="",
                correlation=None,
                causation=None,
                creation_traceparent=None,
            )
        )
        offset = self._offsets[partition]
        self._offsets[partition] += 1
        value = event if isinstance(event, bytes) else envelope.data(event)
        return ConsumerRecord(
            TOPIC, partition, offset, 0, 0, str(key).encode(), value, None, 36, len(value), tuple(headers)
        )


async def deliver(consumer: Consumer, records: Sequence["ConsumerRecord[bytes, bytes]"]) -> Partitions:
    """Deliver one batch; answers what the consumer did to the client."""
    partitions = Partitions()
    await consumer.handle(records, partitions)
    return partitions
