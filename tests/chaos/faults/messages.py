"""Faults of what comes over topics: again, from the beginning, or garbage."""

import asyncio
import functools
import random
import time
from abc import abstractmethod
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import httpx
from confluent_kafka import Consumer, KafkaException, TopicPartition

from chaos.checker.routes import HEARD, TOPICS, ce_type, groups, topic_of
from chaos.fates import Fate, Missed
from chaos.faults.fault import Fault, Parameters
from chaos.faults.sending import Sent, send_all
from chaos.ground import Ground, patiently
from chaos.servers import Stand
from viceversa.client import Refused

_NEWEST = 200
_PATIENCE = 30.0
"""Seconds in which an operator looks for a dead letter."""


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
        kafka, topic = ground.stand.addresses.kafka, parameters["topic"]
        records = await patiently(lambda: asyncio.to_thread(_newest, kafka, topic))
        dice = random.Random(parameters["seed"])
        again = [record for record in records for _ in range(dice.randint(1, 5))]
        dice.shuffle(again)
        await asyncio.to_thread(send_all, kafka, again)


def _newest(kafka: str, topic: str) -> list[Sent]:
    """Of each partition. Raises KafkaException where not all can be read."""
    records = []
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": "chaos-repeat", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        places = _partitions(consumer, topic)
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=10) for place in places}
        consumer.assign([TopicPartition(topic, n, max(low, high - _NEWEST)) for n, (low, high) in ends.items()])
        todo = {number for number, (low, high) in ends.items() if high > low}
        if not todo:
            raise TimeoutError("nothing was sent to the topic yet")
        while todo:
            found = consumer.consume(500, timeout=10)
            if not found:
                raise TimeoutError(f"no record came from {topic} for 10 s")
            for message in found:
                if message.error() is None:
                    records.append(Sent.again(message))
                    if message.offset() + 1 >= ends[message.partition()][1]:
                        todo.discard(message.partition())
    finally:
        consumer.close()
    return records


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """Raises KafkaException where the broker does not know them now."""
    known = consumer.list_topics(topic, timeout=10).topics[topic]
    if known.error is not None:
        raise KafkaException(known.error)
    return [TopicPartition(topic, number) for number in known.partitions]


class _WhileStopped(Fault):
    """Something that is done to a service while it does not run."""

    lasts = (0.0, 1.0)

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.platform.services[parameters["service"]]
        await asyncio.to_thread(service.kill)
        await self.change(ground, parameters)

    @abstractmethod
    async def change(self, ground: Ground, parameters: Parameters) -> None:
        """What is done."""

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        service = ground.platform.services[parameters["service"]]
        if not service.runs:
            service.start()


class ReplayTopics(_WhileStopped):
    """Every group of a service reads its topics from 0 again."""

    name = "replay-topics"
    lasts = (11.0, 12.0)  # members that died are forgotten after their session: only then may offsets be set

    def why_not(self, stand: Stand) -> str | None:
        return "the local broker lets nobody set a group's offsets from outside" if stand.kafka is None else None

    async def change(self, ground: Ground, parameters: Parameters) -> None:
        return

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        try:
            for group, topics in groups().items():
                if group.startswith(f"{parameters['service']}."):
                    await patiently(functools.partial(_rewound, ground.stand.addresses.kafka, group, topics))
        finally:
            await super().heal(ground, parameters)


async def _rewound(kafka: str, group: str, topics: Sequence[str]) -> None:
    await asyncio.to_thread(_rewind, kafka, group, topics)


def _rewind(kafka: str, group: str, topics: Sequence[str]) -> None:
    """Raises KafkaException where Kafka is away, or while the group still has members."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False, "log_level": 0})
    try:
        places = [place for topic in topics for place in _partitions(consumer, topic)]
        for place in places:
            place.offset = 0
        for place in consumer.commit(offsets=places, asynchronous=False):
            if place.error is not None:
                raise KafkaException(place.error)
    finally:
        consumer.close()


class RepublishLog(_WhileStopped):
    """A relay loses its place, and publishes its store from the beginning."""

    name = "republish-log"

    async def change(self, ground: Ground, parameters: Parameters) -> None:
        if not await patiently(lambda: _forget_place(ground, parameters["service"])):
            raise Missed("the relay had no place yet")


async def _forget_place(ground: Ground, service: str) -> bool:
    """Whether there was one."""
    connection = await ground.database(service)
    try:
        cursor = ground.platform.relay_cursor
        return await connection.execute("delete from cursors where name = $1", cursor) != "DELETE 0"
    finally:
        await connection.close(timeout=5)


_SORTS = ("bad json", "no id", "unknown type", "unknown version", "one megabyte")


class Poison(Fault):
    """A message that nobody can apply, of a key that others use; some are given up by an operator afterwards."""

    name = "poison"
    lasts = (2.0, 6.0)

    def __init__(self, sorts: Sequence[str] = _SORTS, *, given_up: float = 0.5) -> None:
        self._sorts, self._given_up = sorts, given_up
        self._heard: dict[str, set[str]] = {}

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
        self._heard[event_id] = set(HEARD[contract])
        message = Sent(topic_of(service, contract), key.encode(), value, headers)
        await asyncio.to_thread(send_all, ground.stand.addresses.kafka, [message])

    async def heal(self, ground: Ground, parameters: Parameters) -> None:
        heard = self._heard.pop(parameters["id"], set())
        if not parameters["given_up"] or parameters["sort"] in {"no id", *_SORTS[2:4]}:
            return
        deadline = time.monotonic() + _PATIENCE
        answers: dict[str, str] = dict.fromkeys(heard, "nobody could sign in")
        while heard and time.monotonic() < deadline:
            with suppress(httpx.HTTPError, Refused):
                answers |= await _discarded(ground, heard, parameters["id"])
            heard = {group for group in heard if answers[group] != "200"}
            await asyncio.sleep(0.5)
        if heard:
            told = ", ".join(f"{group}: {answers[group]}" for group in sorted(heard))
            raise Missed(f"not every dead letter could be given up in {_PATIENCE:g} s ({told})", Fate.IN_PART)


async def _discarded(ground: Ground, groups: Collection[str], event_id: str) -> dict[str, str]:
    """What each group's service answers an operator who discards its dead letter."""
    if ground.sign is None:
        return {}
    headers, answers = {"Authorization": f"Bearer {await ground.sign()}"}, {}
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        for group in sorted(groups):
            service, _, consumer = group.partition(".")
            url = f"{ground.platform.urls[service]}/v1/dead-letters/{consumer}/{event_id}/discard"
            try:
                answers[group] = str((await http.post(url, headers=headers)).status_code)
            except httpx.HTTPError as error:
                answers[group] = type(error).__name__
    return answers
