"""What the checker judges by, read from outside: rows by plain SQL, records by another client than the services use.

Nothing here comes from the runtime. Ids are text throughout.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from confluent_kafka import Consumer, KafkaException, TopicPartition

from chaos.journal import Record

_OF_THE_RUNTIME = frozenset(
    {"alembic_version", "clock", "cursors", "dead_letters", "events", "idempotent_requests", "inbox", "subject_keys"}
    | {"waiting"}
)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row of a store. `place` is (transaction id, sequence)."""

    id: str
    stream: str
    version: int
    type: str
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    place: tuple[int, int]

    @property
    def trace(self) -> str | None:
        return trace_of(self.metadata.get("traceparent"))


@dataclass(frozen=True, slots=True)
class Taken:
    """A row of an inbox."""

    consumer: str
    event_id: str
    headers: Mapping[str, str]
    payload: Mapping[str, Any]
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits."""

    consumer: str
    event_id: str
    key: str
    cause: str | None


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter. `offset` is None for one that waited too long."""

    consumer: str
    event_id: str
    key: str | None
    topic: str
    partition: int | None
    offset: int | None
    reason: str
    discarded: bool


@dataclass(frozen=True)
class Store:
    """One service's database."""

    events: Sequence[StoredEvent] = ()
    inbox: Sequence[Taken] = ()
    waiting: Sequence[Waiting] = ()
    dead: Sequence[Dead] = ()
    cursors: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """A record of a topic."""

    topic: str
    partition: int
    offset: int
    key: str | None
    headers: Mapping[str, str]
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str | None:
        return self.headers.get("ce_id")

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"

    @property
    def type(self) -> str:
        return self.headers.get("ce_type", "")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A table beside the same one made again by the runtime."""

    table: str
    rows: int
    only_live: int
    only_rebuilt: int
    keys: Sequence[str]


@dataclass(frozen=True)
class Evidence:
    """Everything, as it stands once the platform has come to rest."""

    record: Record
    stores: Mapping[str, Store]
    topic: Sequence[Told] = ()
    rebuilt: Sequence[Rebuilt] = ()
    relay_cursor: str = "relay"
    behind: Mapping[str, int] = field(default_factory=dict)
    """Messages between what a consumer group committed and the end, by `group topic/partition`."""
    stood_still: Sequence[str] = ()
    recovery_seconds: float = 0.0
    within_seconds: float = 30.0


Unreachable = KafkaException
"""The broker does not answer."""


def trace_of(traceparent: str | None) -> str | None:
    """The trace id of a W3C `traceparent`."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None


async def read_store(url: str, *, light: bool = False) -> Store:
    """Everything in one database, in one snapshot; `light`, only what tells whether its readers are at rest."""
    connection = await asyncpg.connect(url, timeout=30)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await (_read_ends(connection) if light else _read_store(connection))
    finally:
        await connection.close()


async def _read_ends(connection: asyncpg.Connection) -> Store:
    """The newest event, those that somebody waits for, and everything that is small."""
    events = await connection.fetch(
        "select * from ((select event_id::text, stream_id::text, stream_version, type, '{}', '{}',"
        " transaction_id::text::bigint, sequence from events order by transaction_id desc, sequence desc limit 1)"
        " union select event_id::text, stream_id::text, stream_version, type, '{}', '{}',"
        " transaction_id::text::bigint, sequence from events"
        " where stream_id in (select cause from waiting)) e order by 7, 8"
    )
    return Store(
        events=[StoredEvent(*row[:4], {}, {}, (row[6], row[7])) for row in events],
        waiting=await _waiting(connection),
        dead=await _dead(connection),
        cursors=await _cursors(connection),
    )


async def _waiting(connection: asyncpg.Connection) -> list[Waiting]:
    rows = await connection.fetch("select consumer, event_id::text, key::text, cause::text from waiting")
    return [Waiting(*row) for row in rows]


async def _dead(connection: asyncpg.Connection) -> list[Dead]:
    rows = await connection.fetch(
        'select consumer, event_id::text, key::text, topic, partition, "offset", reason,'
        " discarded_at is not null from dead_letters"
    )
    return [Dead(*row) for row in rows]


async def _cursors(connection: asyncpg.Connection) -> dict[str, tuple[int, int]]:
    rows = await connection.fetch("select name, transaction_id::text::bigint, sequence from cursors")
    return {row[0]: (row[1], row[2]) for row in rows}


async def _read_store(connection: asyncpg.Connection) -> Store:
    events = await connection.fetch(
        "select event_id::text, stream_id::text, stream_version, type, data::text, metadata::text,"
        " transaction_id::text::bigint, sequence from events order by transaction_id, sequence"
    )
    inbox = await connection.fetch(
        "select consumer, event_id::text, headers::text, payload::text, transaction_id::text::bigint, sequence"
        " from inbox order by transaction_id, sequence"
    )
    names = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    tables = {
        name: [json.loads(row) for (row,) in await connection.fetch(f'select to_json(t)::text from "{name}" t')]
        for (name,) in names
        if name not in _OF_THE_RUNTIME
    }
    return Store(
        events=[StoredEvent(*row[:4], json.loads(row[4]), json.loads(row[5]), (row[6], row[7])) for row in events],
        inbox=[Taken(row[0], row[1], json.loads(row[2]), json.loads(row[3]), (row[4], row[5])) for row in inbox],
        waiting=await _waiting(connection),
        dead=await _dead(connection),
        cursors=await _cursors(connection),
        tables=tables,
    )


async def read_stores(urls: Mapping[str, str], *, light: bool = False) -> dict[str, Store]:
    """All of them."""
    stores = await asyncio.gather(*(read_store(url, light=light) for url in urls.values()))
    return dict(zip(urls, stores, strict=True))


def read_topics(kafka: str, topics: Sequence[str]) -> list[Told]:
    """Every record from the first to the last that stands there now, in order within a partition. Blocks."""
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": "chaos-checker", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        ends = _ends(consumer, topics)
        todo = {place for place, (low, high) in ends.items() if high > low}
        consumer.assign([TopicPartition(*place, ends[place][0]) for place in todo])
        told: list[Told] = []
        while todo:
            for message in consumer.consume(1_000, timeout=10) or _nothing(todo):
                place = (message.topic(), message.partition())
                if message.error() is None and message.offset() < ends[place][1]:
                    told.append(_told(message))
                if message.offset() + 1 >= ends[place][1]:
                    todo.discard(place)
        return told
    finally:
        consumer.close()


def lag(kafka: str, groups: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How far each group's committed offsets are behind the end of its topics. Blocks."""
    behind: dict[str, int] = {}
    for group, topics in groups.items():
        consumer = Consumer(
            {"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False, "log_level": 0}
        )
        try:
            ends = _ends(consumer, topics)
            for place in consumer.committed([TopicPartition(*place) for place in ends], timeout=10):
                low, high = ends[place.topic, place.partition]
                behind[f"{group} {place.topic}/{place.partition}"] = high - max(place.offset, low)
        finally:
            consumer.close()
    return behind


def _ends(consumer: Consumer, topics: Sequence[str]) -> dict[tuple[str, int], tuple[int, int]]:
    known = consumer.list_topics(timeout=10).topics
    places = [(topic, number) for topic in topics if topic in known for number in known[topic].partitions]
    return {place: consumer.get_watermark_offsets(TopicPartition(*place), timeout=10) for place in places}


def _nothing(todo: set[tuple[str, int]]) -> Sequence[Any]:
    raise TimeoutError(f"no record came for 10 s from {sorted(todo)}")


def _told(message: Any) -> Told:
    headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or ()}
    key = message.key()
    key = key.decode(errors="replace") if key is not None else None
    return Told(message.topic(), message.partition(), message.offset(), key, headers, _data(message.value()))


def _data(value: bytes | None) -> dict[str, Any]:
    """Nothing where it is no JSON object."""
    try:
        found = json.loads(value or b"")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
