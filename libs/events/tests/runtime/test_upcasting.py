"""What a former version wrote reads as the event of today, sealed or not; what a newer one wrote waits."""

import json
import os
from typing import Annotated, ClassVar
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from events.contracts.sessions import AgreementSigned
from events.runtime import store
from events.runtime.codec import Codec, json_of, row_of
from events.runtime.consumer import Consumer
from events.runtime.effects import Reactor
from events.runtime.encryption import FileKeyWrapper, Keyring
from events.runtime.failures import may_pass
from events.runtime.private_events import Event, EventTypes, Former, Personal, UnknownEventType
from events.testing.counters import TYPES, Database, Increased, increase
from events.testing.records import Topic, deliver


class NamedFirst(Event):
    """As it was written in the beginning."""

    type: ClassVar[str] = "Named"
    person: UUID
    name: Annotated[str | None, Personal("person")] = None


def split(data):
    given, _, family = (data.pop("name") or "").partition(" ")
    return {"subject": data.pop("person"), "given_name": given or None, "family_name": family or None, **data}


def drop(data):
    del data["given_name"]
    return {"surname": data.pop("family_name"), "number": 0, **data}


class NamedThen(Event):
    """The name became two, and who is named is called the subject."""

    type: ClassVar[str] = "Named"
    schema_version: ClassVar[int] = 2
    former: ClassVar[tuple[Former, ...]] = (Former(split, {"name": "person"}),)
    subject: UUID
    given_name: Annotated[str | None, Personal("subject")] = None
    family_name: Annotated[str | None, Personal("subject")] = None


class Named(Event):
    """And nobody needs the first of them any more; a number came, which is in no former version."""

    type: ClassVar[str] = "Named"
    schema_version: ClassVar[int] = 3
    former: ClassVar[tuple[Former, ...]] = (
        *NamedThen.former,
        Former(drop, {"given_name": "subject", "family_name": "subject"}),
    )
    subject: UUID
    surname: Annotated[str | None, Personal("subject")] = None
    number: int


@pytest.fixture
def keyring(database: Database) -> Keyring:
    return Keyring(database.pool, FileKeyWrapper(os.urandom(32)))


async def written(database: Database, keyring: Keyring, *events: Event) -> UUID:
    """A stream with these events, each as its own version writes it."""
    stream = uuid4()
    for number, event in enumerate(events, start=1):
        row = row_of(stream, number, event, json_of(event), json.dumps({"at": "2026-01-01T00:00:00+00:00"}))
        sealed = await Codec(EventTypes([type(event)]), keyring).sealed([(row, event)])
        async with database.pool.begin() as conn:
            await store.append(conn, sealed)
    return stream


async def read(database: Database, keyring: Keyring, stream: UUID) -> list[Event]:
    async with database.pool.connect() as conn:
        rows = (
            await conn.execute(
                text(
                    "select type, schema_version, data::text, event_id from events"
                    " where stream_id = :stream order by stream_version"
                ),
                {"stream": stream},
            )
        ).all()
    return await Codec(EventTypes([Named]), keyring).read(rows)


async def test_every_version_that_was_written_reads_as_today_sealed_fields_too(database: Database, keyring: Keyring):
    subject = uuid4()
    stream = await written(
        database,
        keyring,
        NamedFirst(person=subject, name="Ada Lovelace"),
        NamedThen(subject=subject, given_name="Ada", family_name="King"),
        Named(subject=subject, surname="Byron", number=7),
    )
    async with database.pool.connect() as conn:
        stored = (await conn.scalars(text("select data::text from events"))).all()
    assert not any(name in data for data in stored for name in ("Ada", "Lovelace", "King", "Byron"))
    assert await read(database, keyring, stream) == [
        Named(subject=subject, surname="Lovelace", number=0),
        Named(subject=subject, surname="King", number=0),
        Named(subject=subject, surname="Byron", number=7),
    ]


async def test_a_destroyed_key_is_destroyed_for_every_version(database: Database, keyring: Keyring):
    subject = uuid4()
    stream = await written(
        database,
        keyring,
        NamedFirst(person=subject, name="Ada Lovelace"),
        NamedThen(subject=subject, given_name="Ada", family_name="King"),
        Named(subject=subject, surname="Byron", number=7),
    )
    async with database.pool.begin() as conn:
        await conn.execute(text("delete from subject_keys"))
    assert [event.surname for event in await read(database, keyring, stream)] == [None, None, None]


async def test_what_is_stored_stays_as_it_was_written(database: Database, keyring: Keyring):
    stream = await written(database, keyring, NamedFirst(person=uuid4(), name="Ada Lovelace"))
    look = text("select schema_version, data::text from events")
    async with database.pool.connect() as conn:
        before = (await conn.execute(look)).all()
    await read(database, keyring, stream)
    async with database.pool.connect() as conn:
        assert (await conn.execute(look)).all() == before


def test_upcasters_are_run_one_after_the_other_from_the_version_that_was_written():
    types, subject = EventTypes([Named]), str(uuid4())
    assert types.read("Named", 1, json.dumps({"person": subject, "name": "Ada Lovelace"})).surname == "Lovelace"
    second = {"subject": subject, "given_name": None, "family_name": "King"}
    assert types.read("Named", 2, json.dumps(second)).surname == "King"


def test_an_upcaster_that_leaves_too_much_or_too_little_is_found_out():
    class Wrong(Event):
        type: ClassVar[str] = "Wrong"
        schema_version: ClassVar[int] = 2
        former: ClassVar[tuple[Former, ...]] = (Former(lambda data: data),)
        new: int

    for data in ({"old": 1}, {"new": 1, "old": 1}):
        with pytest.raises(ValidationError):
            EventTypes([Wrong]).read("Wrong", 1, json.dumps(data))


@pytest.mark.parametrize("version", [1, 3])
def test_a_version_with_more_or_fewer_upcasters_than_versions_before_it_is_no_event(version: int):
    with pytest.raises(TypeError, match=f"is version {version} and has 1 former"):

        class Odd(Event):
            type: ClassVar[str] = "Odd"
            schema_version: ClassVar[int] = version
            former: ClassVar[tuple[Former, ...]] = (Former(dict),)


@pytest.mark.parametrize("version", [0, 2])
def test_a_version_that_this_code_does_not_know_is_not_guessed_at(version: int):
    with pytest.raises(UnknownEventType, match=f"Increased version {version}"):
        TYPES.read("Increased", version, b'{"by": 1}')
    with pytest.raises(UnknownEventType):
        TYPES.personal("Increased", version)


async def test_a_message_that_meets_an_event_of_a_newer_version_waits_for_the_newer_code(database: Database):
    counter, topic = uuid4(), Topic()
    reactions = {AgreementSigned: lambda received: increase(received.event.pair)}
    consumer = Consumer("reactor", "test.reactor", database.pool, Reactor(database.codec, reactions, lambda: None))
    async with database.pool.begin() as conn:
        newer = row_of(counter, 1, Increased(by=1), '{"by": 1, "unit": "m"}', '{"at": "2026-01-01T00:00:00+00:00"}')
        await store.append(conn, [newer._replace(schema_version=2)])
    records = [
        topic.record(AgreementSigned(pair=pair, program=uuid4()), key=pair) for pair in (counter, uuid4(), uuid4())
    ]
    partitions = await deliver(consumer, records)
    async with database.pool.connect() as conn:
        assert await consumer.dead(conn, None, 10) == []
    assert partitions.paused
    assert may_pass(UnknownEventType("Increased version 2"))
