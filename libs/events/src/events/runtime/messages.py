"""Kafka records as the consumers work on them: decoded once, with what the inbox keeps of each."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from aiokafka import ConsumerRecord, TopicPartition
from pydantic import ValidationError
from pydantic_core import from_json

from events.contracts import envelope
from events.contracts.envelope import Envelope, MalformedMessage
from events.contracts.registry import PublishedEvent, event_type
from events.runtime.consuming import Received
from events.runtime.telemetry import other_versions


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of one event."""

    envelope: Envelope
    received: Received[Any]
    headers: str
    """JSON object, for the inbox."""
    payload: str

    @classmethod
    def of(cls, found: Envelope, event: PublishedEvent, traceparent: str | None = None) -> "Message":
        """A message that came by no broker."""
        headers = {name: text.decode() for name, text in envelope.encode(found, traceparent)}
        return _message(found, traceparent, event, json.dumps(headers), envelope.data(event).decode())

    @property
    def id(self) -> UUID:
        """CloudEvents id: the identity by which duplicates are known."""
        return self.envelope.id

    @property
    def key(self) -> UUID:
        """The producer's stream; order holds within it."""
        return self.envelope.subject


def place_of(record: "ConsumerRecord[bytes, bytes]") -> TopicPartition:
    """Where the record stands."""
    return TopicPartition(record.topic, record.partition)


def as_uuid(value: bytes | None) -> UUID | None:
    """The UUID that these bytes write, or None."""
    try:
        return UUID((value or b"").decode())
    except ValueError:
        return None


def _is_ours(name: str) -> bool:
    """Proxies and other producers add headers of their own; what they hold is nobody's business here."""
    return name.startswith("ce_") or name in {"content-type", "traceparent"}


def decode(
    headers: Iterable[tuple[str, bytes]], value: bytes, handled: frozenset[type[PublishedEvent]]
) -> Message | None:
    """Decode a record; None for an event that this consumer does not handle. Raises MalformedMessage.

    Another version of an event that it does handle is passed over too, and counted: while a contract changes, both
    versions are published side by side, and each reader takes the one that it knows.
    """
    ours = {name: text for name, text in headers if _is_ours(name) and text is not None}
    found, traceparent = envelope.decode(ours.items())
    try:
        kept = {name: text.decode() for name, text in ours.items()}
    except UnicodeDecodeError:
        raise MalformedMessage(f"a header of {found.id} is not UTF-8") from None
    contract = event_type(found.type)
    if contract is None or contract not in handled:
        if (name := _without_version(found.type)) in _names(handled):
            other_versions.add(1, {"cloudevents.event_type": name})
        return None
    try:
        event = contract.model_validate_json(value)
    except ValidationError as error:
        # The error names fields and rules, never the values: they may be personal.
        places = ", ".join(sorted({".".join(map(str, detail["loc"])) for detail in error.errors(include_input=False)}))
        raise MalformedMessage(f"{found.type} {found.id} does not fit its contract at {places or 'its root'}") from None
    return _message(found, traceparent, event, json.dumps(kept), value.decode())


@cache
def _names(handled: frozenset[type[PublishedEvent]]) -> frozenset[str]:
    return frozenset(_without_version(contract.type) for contract in handled)


def _without_version(ce_type: str) -> str:
    return ce_type.rpartition(".")[0]


def restore(headers: str, payload: str) -> Message:
    """Decode again what a table of this service kept. Raises MalformedMessage."""
    kept: Mapping[str, str] = json.loads(headers)
    found, traceparent = envelope.decode((name, text.encode()) for name, text in kept.items())
    contract = event_type(found.type)
    if contract is None:
        raise MalformedMessage(f"{found.type} is unknown")
    return _message(found, traceparent, contract.model_validate_json(payload), headers, payload)


def received(headers: str, payload: str) -> Received[Any]:
    """What a consumer was handed, from what its inbox kept. Raises MalformedMessage for a type that is unknown now."""
    kept = from_json(headers)
    contract = event_type(kept["ce_type"])
    if contract is None:
        raise MalformedMessage(f"{kept['ce_type']} is unknown")
    correlation = kept.get("ce_correlationid")
    return Received(
        id=UUID(kept["ce_id"]),
        key=UUID(kept["ce_subject"]),
        event=contract.model_validate_json(payload),
        at=datetime.fromisoformat(kept["ce_time"]),
        correlation=UUID(correlation) if correlation else None,
        sequence=int(kept["ce_sequence"]),
        traceparent=kept.get("traceparent"),
    )


def _message(found: Envelope, traceparent: str | None, event: PublishedEvent, headers: str, payload: str) -> Message:
    received = Received(
        id=found.id,
        key=found.subject,
        event=event,
        at=found.time,
        correlation=found.correlation,
        sequence=found.sequence,
        traceparent=traceparent,
    )
    return Message(found, received, headers, payload)
