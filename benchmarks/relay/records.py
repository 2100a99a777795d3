"""Messages that our relay has sent, read back, so that a peer sends the very same bytes."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.workload import PARTITIONS, LogWork

Record = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value, headers."""


async def read_back(work: LogWork) -> list[Record]:
    """The first messages of the topic, from all its partitions."""
    consumer = AIOKafkaConsumer(bootstrap_servers=work.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(work.topic, partition) for partition in range(PARTITIONS)])
        records: list[Record] = []
        while len(records) < work.messages:
            for found in (await consumer.getmany(timeout_ms=1000)).values():
                records += [(record.key, record.value, list(record.headers)) for record in found]
        return records[: work.messages]
    finally:
        await consumer.stop()
