"""The wire: golden vectors, and the CloudEvents SDK as the oracle of binary mode."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from hypothesis import given
from hypothesis import strategies as st

from events.contracts import envelope
from events.contracts.enrollment import ParticipantEnrolled
from events.contracts.envelope import Envelope, MalformedMessage
from events.contracts.kinds import Role
from events.contracts.registry import PublishedEvent
from events.contracts.sessions import SessionLogged

GOLDEN = Path(__file__).parent / "golden"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PARTICIPANT = UUID("7d5c1a52-7e0b-4f0c-9a3f-0d6f0e8f3a10")
PROGRAM = UUID("3b1f7c0e-9d1a-4c7e-8f43-6f1d2a5b9c11")
PRIVATE = UUID("11111111-2222-4333-8444-555555555555")
EXAMPLES = [
    ParticipantEnrolled(participant=PARTICIPANT, program=PROGRAM, region="emea", role=Role.MENTOR),
    SessionLogged(pair=PARTICIPANT, program=PROGRAM, number=2, minutes=50),
]


def envelope_of(event: PublishedEvent) -> Envelope:
    return Envelope(
        id=event.event_id(PRIVATE),
        source=envelope.source("eu", event.producer),
        type=event.type,
        subject=PARTICIPANT,
        time=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        sequence=3,
        dataschema=f"https://{event.producer}.example.com/v1/schemas/{event.type}",
        correlation=PARTICIPANT,
        causation=PRIVATE,
        creation_traceparent=TRACE,
    )


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_an_event_on_the_wire_is_byte_for_byte_the_golden_one(event: PublishedEvent):
    golden = json.loads((GOLDEN / f"{event.type}.json").read_text())
    headers = envelope.encode(envelope_of(event), TRACE)
    assert [[name, value.decode()] for name, value in headers] == golden["headers"]
    assert envelope.data(event).decode() == golden["value"]
    assert str(PARTICIPANT) == golden["key"]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_the_cloudevents_sdk_reads_what_we_write(event: PublishedEvent):
    headers = envelope.encode(envelope_of(event), TRACE)
    read = from_binary_event(KafkaMessage(dict(headers), str(PARTICIPANT), envelope.data(event)))
    assert read.get_specversion() == "1.0"
    assert read.get_id() == str(event.event_id(PRIVATE))
    assert read.get_type() == event.type
    assert read.get_source() == f"/viceversa/eu/{event.producer}"
    assert read.get_subject() == str(PARTICIPANT)
    assert read.get_time() == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("sequence") == "0000000003"
    assert read.get_extension("partitionkey") == str(PARTICIPANT)
    assert read.get_data() == event.model_dump(mode="json")


optional_ids = st.none() | st.uuids()


@given(
    st.builds(
        Envelope,
        id=st.uuids(),
        source=st.just("/viceversa/eu/sessions"),
        type=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1),
        subject=st.uuids(),
        time=st.datetimes(timezones=st.just(UTC)),
        sequence=st.integers(1, 2**31 - 1),
        dataschema=st.just("https://x.example/y"),
        correlation=optional_ids,
        causation=optional_ids,
        creation_traceparent=st.none() | st.just(TRACE),
    ),
    st.none() | st.just(TRACE),
)
def test_what_is_encoded_is_decoded(sent: Envelope, hop: str | None):
    assert envelope.decode(envelope.encode(sent, hop)) == (sent, hop)


@given(
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_specversion", "ce_subject"]), st.binary()))
)
def test_whatever_headers_come_they_are_read_or_called_malformed(headers: list[tuple[str, bytes]]):
    with suppress(MalformedMessage):
        read, _ = envelope.decode([*envelope.encode(envelope_of(EXAMPLES[0])), *headers])
        assert isinstance(read.id, UUID)


@pytest.mark.parametrize(
    "name", ["ce_id", "ce_type", "ce_time", "ce_subject", "ce_sequence", "ce_specversion", "ce_source"]
)
def test_a_missing_attribute_is_named(name: str):
    headers = [header for header in envelope.encode(envelope_of(EXAMPLES[0])) if header[0] != name]
    with pytest.raises(MalformedMessage, match=name):
        envelope.decode(headers)


@pytest.mark.parametrize("name", ["ce_id", "ce_time", "ce_subject", "ce_sequence", "ce_correlationid"])
@pytest.mark.parametrize("value", [b"kim.canary@example.org", b"kim.canary\xff"])
def test_a_wrong_attribute_is_named_and_never_quoted(name: str, value: bytes):
    headers = [header for header in envelope.encode(envelope_of(EXAMPLES[0])) if header[0] != name]
    with pytest.raises(MalformedMessage, match=name) as refused:
        envelope.decode([*headers, (name, value)])
    assert "canary" not in str(refused.value)


def test_no_header_says_who_acted():
    names = {name for name, _ in envelope.encode(envelope_of(EXAMPLES[0]), TRACE)}
    assert not {name for name in names if "actor" in name}
