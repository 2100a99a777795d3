"""Faults of what comes over topics: again, from the beginning, or garbage."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from chaos.checker.routes import HEARD, TOPICS, ce_type, groups, topic_of
from chaos.faults.fault import Fault, Parameters
from chaos.ground import Ground
from viceversa.demo.client import Refused

_NEWEST = 200


class RepeatDeliveries(Fault):
    """The newest records of a topic are sent again, each one to five times, in any order."""

    name = "repeat-deliveries"
    lasts = (0.0, 1.0)

    def __init__(self, topics: Sequence[str] = TOPICS) -> None:
        self._topics = topics

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {"topic": dice.choice(self._topics), "seed": dice.randrange(2**32)}

    def target(self, parameters: Parameters) -> str:
        return f"topic {parameters['topic']}"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        with suppress(KafkaException):
            await asyncio.to_thread(_repeat, ground.stand.addresses.kafka, parameters["topic"], parameters["seed"])


def _repeat(kafka: str, topic: str, seed: int) -> None:
    dice = random.Random(seed)
    records = []
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": "chaos-repeat", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        places = [
            TopicPartition(topic, number) for number in consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=10) for place in places}
        consumer.assign([TopicPartition(topic, n, max(low, high - _NEWEST)) for n, (low, high) in ends.items()])
        todo = {number for number, (low, high) in ends.items() if high > low}
        while todo:
            for message in consumer.consume(500, timeout=5) or [None]:
                if message is None:
                    todo.clear()
                elif message.error() is None:
                    records.append(message)
                    if message.offset() + 1 >= ends[message.partition()][1]:
                        todo.discard(message.partition())
    finally:
        consumer.close()
    again = [message for message in records for _ in range(dice.randint(1, 5))]
    dice.shuffle(again)
    producer = Producer({"bootstrap.servers": kafka, "delivery.timeout.ms": 10_000, "log_level": 0})
    for message in again:
        producer.produce(topic, message.value(), message.key(), message.partition(), headers=message.headers() or [])
    producer.flush(15)


class _WhileStopped(Fault):
    """Something that is done to a service while it does not run."""

    lasts = (0.0, 1.0)

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.platform.services[parameters["service"]]
        await asyncio.to_thread(service.kill)
        await self.change(ground, parameters)

    async def change(self, ground: Ground, parameters: Parameters) -> None:
        """What is done."""
        raise NotImplementedError

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.platform.services[parameters["service"]]
        if not service.runs:
            service.start()


class ReplayTopics(_WhileStopped):
    """Every group of a service reads its topics from 0 again."""

    name = "replay-topics"
    lasts = (11.0, 12.0)  # members that died are forgotten after their session: only then may offsets be set

    async def change(self, ground: Ground, parameters: Parameters) -> None:
        return

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        for group, topics in groups().items():
            if group.startswith(f"{parameters['service']}."):
                with suppress(KafkaException):
                    await asyncio.to_thread(_rewind, ground.stand.addresses.kafka, group, topics)
        await super().heal(ground, parameters)


def _rewind(kafka: str, group: str, topics: list[str]) -> None:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False, "log_level": 0})
    try:
        known = consumer.list_topics(timeout=10).topics
        places = [TopicPartition(topic, number, 0) for topic in topics for number in known[topic].partitions]
        consumer.commit(offsets=places, asynchronous=False)
    finally:
        consumer.close()


class RepublishLog(_WhileStopped):
    """A relay loses its place, and publishes its store from the beginning."""

    name = "republish-log"

    async def change(self, ground: Ground, parameters: Parameters) -> None:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await ground.database(parameters["service"])
            try:
                await connection.execute("delete from cursors where name = $1", ground.platform.relay_cursor)
            finally:
                await connection.close(timeout=5)


_SORTS = ("bad json", "no id", "unknown type", "unknown version", "one megabyte")


class Poison(Fault):
    """A message that nobody can apply, of a key that others use; some are given up by an operator afterwards."""

    name = "poison"
    lasts = (2.0, 6.0)

    def __init__(self, sorts: Sequence[str] = _SORTS, *, given_up: float = 0.5) -> None:
        self._sorts, self._given_up = sorts, given_up

    def draw(self, dice: random.Random) -> dict[str, Any]:
        return {
            "sort": dice.choice(self._sorts),
            "id": str(UUID(int=dice.getrandbits(128), version=4)),
            "key": dice.random(),
            "given_up": dice.random() < self._given_up,
            "contract": dice.choice(("ParticipantEnrolled", "MatchingProfileSet")),
        }

    def target(self, parameters: Parameters) -> str:
        return f"poison {parameters['id']}"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        service, key = ("enrollment", str(uuid4()))
        if ground.keys:
            service, key = ground.keys[int(parameters["key"] * len(ground.keys))]
        contract = parameters["contract"] if service == "enrollment" else "PairCreated"
        sort, event_id = parameters["sort"], parameters["id"]
        types = {"unknown type": "viceversa.NobodyKnows.v1", "unknown version": f"viceversa.{contract}.v9"}
        headers = [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_source", b"/chaos"),
            ("ce_type", types.get(sort, ce_type(contract)).encode()),
            ("ce_time", b"2027-01-01T00:00:00+00:00"),
            ("ce_subject", key.encode()),
            ("ce_sequence", b"0000000001"),
        ]
        if sort != "no id":
            headers.append(("ce_id", event_id.encode()))
            ground.journal.poisoned(event_id)
        value = b'"' + b"x" * 1_000_000 if sort == "one megabyte" else b'{"half": '
        with suppress(KafkaException):
            await asyncio.to_thread(
                _send, ground.stand.addresses.kafka, topic_of(service, contract), key.encode(), value, headers
            )

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        if not parameters["given_up"] or ground.sign is None or parameters["sort"] in {"no id", *_SORTS[2:4]}:
            return
        consumers = {group for hearing in HEARD.values() for group in hearing}
        with suppress(httpx.HTTPError, Refused):
            headers = {"Authorization": f"Bearer {await ground.sign()}"}
            async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
                for group in sorted(consumers):
                    service, _, consumer = group.partition(".")
                    url = f"{ground.platform.urls[service]}/v1/dead-letters/{consumer}/{parameters['id']}/discard"
                    with suppress(httpx.HTTPError):
                        await http.post(url, headers=headers)


def _send(kafka: str, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    settings = {
        "bootstrap.servers": kafka,
        "delivery.timeout.ms": 10_000,
        "log_level": 0,
        "message.max.bytes": 1_048_000,
    }
    # The same partition as Java and aiokafka choose for this key.
    producer = Producer({**settings, "partitioner": "murmur2_random"})
    producer.produce(topic, value, key, headers=headers)
    producer.flush(15)
