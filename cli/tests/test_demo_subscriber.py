"""What the independent subscriber makes of a message."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from events.contracts.envelope import Envelope, encode
from events.contracts.matching import PairEnded
from events.contracts.registry import Audience, all_event_types
from viceversa.demo.subscriber import PUBLIC_TOPICS, Deaf, Subscriber, heard

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
PROGRAM = str(uuid4())


@dataclass
class Record:
    headers: list[tuple[str, bytes]]
    value: bytes


@dataclass
class Broker:
    """Plays a consumer that has these records and no more."""

    records: list[Record]
    given: int = field(default=0)

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.given == len(self.records):
            raise StopAsyncIteration
        self.given += 1
        return self.records[self.given - 1]


def record(event_id=None, *, program=PROGRAM, traceparent=None):
    event = PairEnded(pair=uuid4(), program=program)
    envelope = Envelope(
        id=event_id or uuid4(),
        source="/viceversa/local/matching",
        type=PairEnded.type,
        subject=event.pair,
        time=AT,
        sequence=4,
        dataschema="http://localhost/v1/schemas/viceversa.PairEnded.v1",
        correlation=event.pair,
        causation=None,
        creation_traceparent=traceparent,
    )
    return Record(encode(envelope), event.model_dump_json().encode())


def test_an_event_is_read_from_headers_and_value_as_the_contract_says():
    event_id = uuid4()

    event = heard(record(event_id, traceparent=f"00-{'a' * 32}-{'b' * 16}-01"))

    assert (event.id, event.name, event.at) == (str(event_id), "PairEnded", AT)
    assert event.source == "/viceversa/local/matching"
    assert event.trace_id == "a" * 32
    assert event.data["program"] == PROGRAM


def test_an_event_without_a_trace_is_read_too():
    assert heard(record()).trace_id is None


async def test_an_event_that_comes_twice_is_counted_once_and_other_programs_not_at_all():
    twice = uuid4()
    subscriber = Subscriber("nowhere:9092")

    await subscriber.listen(Broker([record(twice), record(twice), record(), record(program=str(uuid4()))]))

    assert subscriber.counts(PROGRAM) == {"PairEnded": 2}
    assert subscriber.duplicates == 1


@pytest.mark.parametrize(
    "foreign",
    [
        Record([], b"garbage"),
        replace(record(), headers=[one for one in record().headers if one[0] != "ce_type"]),
        replace(record(), headers=[*record().headers, ("ce_time", b"noon")]),
        replace(record(), headers=[*record().headers, ("ce_odd", b"\xff")]),
        replace(record(), value=b"[]"),
        replace(record(), value=None),
    ],
)
async def test_a_record_that_is_no_event_is_passed_over_and_counted(foreign):
    subscriber = Subscriber("nowhere:9092")

    await subscriber.listen(Broker([foreign, record()]))

    assert subscriber.counts(PROGRAM) == {"PairEnded": 1}
    assert subscriber.unreadable == 1


async def test_who_listens_no_more_says_so_at_once():
    subscriber = Subscriber("nowhere:9092")
    subscriber.must_listen()
    listening = asyncio.get_running_loop().create_future()
    subscriber._listening = listening
    subscriber.must_listen()
    listening.set_exception(KafkaError("gone"))

    with pytest.raises(Deaf, match="hears nothing more"):
        subscriber.must_listen()


def test_it_listens_to_every_public_topic_and_to_no_other():
    assert set(PUBLIC_TOPICS) == {
        contract.topic() for contract in all_event_types() if contract.audience is Audience.PUBLIC
    }
