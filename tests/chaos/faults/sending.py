"""Records that a fault sends: all of them, however long Kafka is away meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from confluent_kafka import KafkaError, Message, Producer

from chaos.fates import Fate, Missed

_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as it goes to a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    partition: int | None = None
    """None for the one of its key."""

    @classmethod
    def again(cls, message: Message) -> Self:
        """A record that stands in a topic."""
        headers = message.headers() or []
        return cls(message.topic(), message.key(), message.value(), headers, message.partition())


def send_all(kafka: str, records: Sequence[Sent], within: float = _WITHIN) -> None:
    """Send them in order. Blocks. Raises Missed where not every one was acknowledged within some seconds."""
    settings: dict[str, Any] = {
        "bootstrap.servers": kafka,
        "log_level": 0,
        "enable.idempotence": True,
        "delivery.timeout.ms": int(within * 1000),
        "message.max.bytes": 1_048_000,
        # The same partition as Java and aiokafka choose for a key.
        "partitioner": "murmur2_random",
    }
    producer, refused, taken = Producer(settings), set[str](), 0

    def ended(error: KafkaError | None, _: Message) -> None:
        nonlocal taken
        if error is None:
            taken += 1
        else:
            refused.add(error.str())

    for record in records:
        where = {} if record.partition is None else {"partition": record.partition}
        producer.produce(
            record.topic, record.value, record.key, headers=list(record.headers), on_delivery=ended, **where
        )
        producer.poll(0)
    producer.flush(within + 5)
    if taken < len(records):
        why = f"{taken} of {len(records)} records were acknowledged in {within:g} s: {', '.join(sorted(refused))}"
        raise Missed(why, Fate.IN_PART if taken else Fate.SKIPPED)
