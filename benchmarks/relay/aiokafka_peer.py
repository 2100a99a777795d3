"""The peer: a bare idempotent aiokafka producer that has the finished messages in memory.

Nothing is read from a database, mapped, traced or remembered; these are the bytes that our relay sent.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from benchmarks.relay.records import Record, read_back
from benchmarks.workload import LogWork

PEER_TOPIC = "benchmarks.peer"
PAGE = 500

Sending = Callable[[AIOKafkaProducer, Sequence[Record]], Awaitable[None]]


def by_send(work: LogWork) -> float:
    """Messages a second by `send`, which batches by itself."""
    return asyncio.run(_rate(work, _send_each))


def by_batch(work: LogWork) -> float:
    """Messages a second by `send_batch`: a batch a partition for every 500 messages."""
    return asyncio.run(_rate(work, _send_batches))


async def _rate(work: LogWork, send: Sending) -> float:
    records = await read_back(work)
    producer = AIOKafkaProducer(
        bootstrap_servers=work.kafka, enable_idempotence=True, acks="all", max_batch_size=1_000_000
    )
    await producer.start()
    try:
        await send(producer, records[:PAGE])
        began = time.perf_counter()
        await send(producer, records[PAGE:])
        return (len(records) - PAGE) / (time.perf_counter() - began)
    finally:
        await producer.stop()


async def _send_each(producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
    sent = [await producer.send(PEER_TOPIC, value, key=key, headers=headers) for key, value, headers in records]
    await asyncio.gather(*sent)


async def _send_batches(producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
    partitions, partition_of = sorted(await producer.partitions_for(PEER_TOPIC)), DefaultPartitioner()
    for start in range(0, len(records), PAGE):
        batches: dict[int, Any] = defaultdict(producer.create_batch)
        for key, value, headers in records[start : start + PAGE]:
            batch = batches[partition_of(key, partitions, partitions)]
            batch.append(key=key, value=value, timestamp=None, headers=headers)
        sent = [
            await producer.send_batch(batch, PEER_TOPIC, partition=partition) for partition, batch in batches.items()
        ]
        await asyncio.gather(*sent)
