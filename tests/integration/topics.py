"""What stands in the topics, read by a client that knows only Kafka and CloudEvents."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from events.contracts.routes import ROUTES

TOPICS = tuple(sorted({route.event.topic() for route in ROUTES}))
PUBLIC_TOPICS = tuple(topic for topic in TOPICS if ".restricted." not in topic)
GROUPS = tuple(sorted({group for route in ROUTES for group in route.groups}))


@dataclass(frozen=True)
class Told:
    """One record of a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    value: bytes

    def __getitem__(self, attribute: str) -> str:
        """A CloudEvents attribute."""
        return dict(self.headers)[f"ce_{attribute}"].decode()

    @property
    def name(self) -> str:
        """`PairCreated` for `viceversa.PairCreated.v1`."""
        return self["type"].split(".")[1]

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.value)

    @property
    def sequence(self) -> int:
        return int(self["sequence"])

    @property
    def trace_id(self) -> str:
        return self["traceparent"].split("-")[1]

    @property
    def whole(self) -> bytes:
        """Everything a subscriber gets to see."""
        return b"\n".join([self.key, *(name.encode() + b": " + value for name, value in self.headers), self.value])


async def everything_told(kafka: str, topics: tuple[str, ...] = TOPICS) -> list[Told]:
    """Every event from the first to the last that stands there now; in order within a partition.

    Records that are no CloudEvents are passed over: a test that writes such things shares its broker with others.
    """
    async with AIOKafkaConsumer(*topics, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        ends = {place: end for place, end in (await consumer.end_offsets(consumer.assignment())).items() if end > 0}
        told = []
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                told += [Told(r.topic, r.partition, r.offset, r.key, tuple(r.headers), r.value) for r in records]
    return [event for event in told if "ce_type" in dict(event.headers)]


def first_versions(told: Iterable[Told]) -> dict[tuple[str, bytes], list[int]]:
    """Versions of each key of each topic, in the order in which each event came first."""
    versions: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    known: set[str] = set()
    for event in told:
        if event["id"] not in known:
            known.add(event["id"])
            versions[event.topic, event.key].append(event.sequence)
    return versions


def told_of(event: str, **data: Any) -> Callable[[Told], bool]:
    """Whether a record is that event, with these values."""
    return lambda told: told.name == event and all(told.data.get(name) == value for name, value in data.items())


async def nobody_is_behind(kafka: str) -> None:
    """Every consumer group of the platform has committed all that stands in its topics."""
    async with AIOKafkaConsumer(*TOPICS, bootstrap_servers=kafka) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
    await asyncio.gather(*(_caught_up(kafka, group, ends) for group in GROUPS))


async def _caught_up(kafka: str, group: str, ends: dict[TopicPartition, int]) -> None:
    topics = {route.event.topic() for route in ROUTES if group in route.groups}
    followed = {place: end for place, end in ends.items() if place.topic in topics}
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False) as consumer:
        consumer.assign(list(followed))
        for place, end in followed.items():
            committed = await consumer.committed(place) or 0
            assert committed >= end, f"{group} has committed {committed} of {end} in {place}"
