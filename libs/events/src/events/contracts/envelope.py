"""CloudEvents 1.0 in Kafka's binary content mode: attributes in headers, JSON data in the value.

Source: CloudEvents Kafka Protocol Binding 1.0.2, with the extensions `partitionkey`, `sequence`, `distributedtracing`,
and `correlationid`, `causationid`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from events.contracts.registry import PublishedEvent

T = TypeVar("T")

Headers = Sequence[tuple[str, bytes]]

CONTENT_TYPE = b"application/json"


@dataclass(frozen=True, slots=True)
class Envelope:
    """All of a published event but its data. `sequence` is the version of its stream."""

    id: UUID
    source: str
    type: str
    subject: UUID
    time: datetime
    sequence: int
    dataschema: str
    correlation: UUID | None
    causation: UUID | None
    creation_traceparent: str | None


class MalformedMessage(ValueError):
    """A record that is no CloudEvent of ours: says which attribute is missing or wrong."""


def source(cell: str, service: str) -> str:
    """`ce_source` of a service in a cell."""
    return f"/viceversa/{cell}/{service}"


def encode(envelope: Envelope, traceparent: str | None = None) -> list[tuple[str, bytes]]:
    """Kafka headers of an event; `traceparent` is the context of this hop."""
    subject = str(envelope.subject).encode()
    headers = [
        ("content-type", CONTENT_TYPE),
        ("ce_specversion", b"1.0"),
        ("ce_id", str(envelope.id).encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_time", envelope.time.isoformat().encode()),
        ("ce_subject", subject),
        ("ce_dataschema", envelope.dataschema.encode()),
        ("ce_partitionkey", subject),
        ("ce_sequence", b"%010d" % envelope.sequence),
    ]
    if envelope.correlation is not None:
        headers.append(("ce_correlationid", str(envelope.correlation).encode()))
    if envelope.causation is not None:
        headers.append(("ce_causationid", str(envelope.causation).encode()))
    if envelope.creation_traceparent is not None:
        headers.append(("ce_traceparent", envelope.creation_traceparent.encode()))
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    return headers


def decode(headers: Iterable[tuple[str, bytes]]) -> tuple[Envelope, str | None]:
    """Envelope and `traceparent` of this hop. Unknown headers are ignored.

    Raises MalformedMessage.
    """
    found = dict(headers)

    def text(name: str) -> str:
        try:
            return found[name].decode()
        except KeyError:
            raise MalformedMessage(f"header {name} is missing") from None
        except UnicodeDecodeError:
            raise MalformedMessage(f"header {name} is not UTF-8") from None

    def parsed(name: str, kind: Callable[[str], T]) -> T:
        try:
            return kind(text(name))
        except MalformedMessage:
            raise
        except ValueError:
            # The error would quote what stands there, and anybody may have written it.
            raise MalformedMessage(f"header {name} cannot be read") from None

    def optional(name: str, kind: Callable[[str], T]) -> T | None:
        return parsed(name, kind) if found.get(name) else None

    if text("ce_specversion") != "1.0":
        raise MalformedMessage("ce_specversion is not 1.0")
    envelope = Envelope(
        id=parsed("ce_id", UUID),
        source=text("ce_source"),
        type=text("ce_type"),
        subject=parsed("ce_subject", UUID),
        time=parsed("ce_time", datetime.fromisoformat),
        sequence=parsed("ce_sequence", int),
        dataschema=optional("ce_dataschema", str) or "",
        correlation=optional("ce_correlationid", UUID),
        causation=optional("ce_causationid", UUID),
        creation_traceparent=optional("ce_traceparent", str),
    )
    if envelope.time.tzinfo is None:
        raise MalformedMessage("ce_time has no offset")
    return envelope, optional("traceparent", str)


def data(event: PublishedEvent) -> bytes:
    """The value of the record."""
    return event.model_dump_json().encode()
