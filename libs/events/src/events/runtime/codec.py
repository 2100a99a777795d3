"""Between events as the domain knows them and rows as the store holds them: JSON, metadata, personal fields sealed."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic_core import from_json, to_json
from sqlalchemy import Row

from events.runtime.encryption import Keyring, seal, unseal
from events.runtime.private_events import Event, EventTypes, Recorded
from events.runtime.refusals import EventTooLarge, Refusal
from events.runtime.store import StoredEvent
from events.runtime.streams import Command

LARGEST_EVENT = 900_000
"""Bytes of JSON. Below the broker's limit for one message (1 MB), less headers."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class NulCharacter(Refusal):
    """PostgreSQL's JSON holds no U+0000."""

    slug, status, title = "nul-character", 422, "A text holds the character U+0000; remove it"


class Codec:
    """Reads and writes the private events of one service."""

    def __init__(self, types: EventTypes, keyring: Keyring) -> None:
        self._types = types
        self._keyring = keyring

    async def read(self, rows: Sequence[StoredEvent | Row[Any]]) -> list[Event]:
        """Events of many rows; keys are fetched with one query. A field whose key is destroyed reads as None."""
        personal = [self._types.personal(row.type, row.schema_version) for row in rows]
        if not any(personal):
            return [self._types.read(row.type, row.schema_version, row.data) for row in rows]
        parsed: dict[int, dict[str, Any]] = {i: from_json(rows[i].data) for i, fields in enumerate(personal) if fields}
        owners = {
            UUID(data[owner])
            for i, data in parsed.items()
            for field, owner in personal[i].items()
            if data.get(field) is not None
        }
        keys = await self._keyring.keys(owners)
        read = []
        for i, row in enumerate(rows):
            data = row.data
            if i in parsed:
                clear = self._types.clear(row.type, row.schema_version)
                data = to_json(_opened(parsed[i], personal[i], clear, keys, row.event_id))
            read.append(self._types.read(row.type, row.schema_version, data))
        return read

    async def recorded(self, rows: Sequence[StoredEvent]) -> list[Recorded[Any]]:
        """The same with what the store knows beside the event."""
        return [_recorded(row, event) for row, event in zip(rows, await self.read(rows), strict=True)]

    async def sealed(self, rows: Sequence[tuple[StoredEvent, Event]]) -> tuple[StoredEvent, ...]:
        """The rows with personal fields sealed; keys of subjects that have none yet are made."""
        owners = {
            getattr(event, owner)
            for _, event in rows
            for field, owner in event.personal.items()
            if getattr(event, field) is not None
        }
        if not owners:
            return tuple(row for row, _ in rows)
        keys = await self._keyring.ensure(owners)
        return tuple(
            row._replace(data=_sealed(row.event_id, event, keys)) if event.personal else row for row, event in rows
        )


def json_of(event: Event) -> str:
    """Its JSON. Raises EventTooLarge or NulCharacter where the store or the broker would not take it."""
    text = event.model_dump_json()
    if len(text) * 4 > LARGEST_EVENT and len(text.encode()) > LARGEST_EVENT:
        raise EventTooLarge
    if "\\u0000" in text and _NUL.search(text):
        raise NulCharacter
    return text


def metadata_of(command: Command, traceparent: str | None) -> str:
    """Metadata of all events of one command."""
    fields = {
        "at": command.at.isoformat(),
        "correlation": command.correlation,
        "causation": command.causation,
        "actor": command.actor,
        "traceparent": traceparent,
    }
    return to_json({name: value for name, value in fields.items() if value is not None}).decode()


def row_of(stream_id: UUID, version: int, event: Event, data: str, metadata: str) -> StoredEvent:
    """A row, personal fields still to be sealed."""
    return StoredEvent(uuid4(), stream_id, version, event.type, event.schema_version, data, metadata)


def _opened(
    data: dict[str, Any],
    personal: Mapping[str, str],
    clear: Mapping[str, str],
    keys: Mapping[UUID, bytes],
    event_id: UUID,
) -> dict[str, Any]:
    for field, owner in personal.items():
        if data.get(field) is None:
            continue
        key = keys.get(UUID(data[owner]))
        if key is None:
            data[field] = None
        elif field not in clear:
            data[field] = from_json(unseal(key, data[field], event_id, field))
    return data


def _sealed(event_id: UUID, event: Event, keys: Mapping[UUID, bytes]) -> str:
    data = event.model_dump(mode="json")
    for field, owner in event.personal.items():
        if data[field] is not None:
            data[field] = seal(keys[getattr(event, owner)], to_json(data[field]), event_id, field)
    return to_json(data).decode()


def _recorded(row: StoredEvent, event: Event) -> Recorded[Any]:
    metadata = from_json(row.metadata)

    def identifier(name: str) -> UUID | None:
        return UUID(metadata[name]) if name in metadata else None

    return Recorded(
        id=row.event_id,
        stream_id=row.stream_id,
        version=row.stream_version,
        event=event,
        at=datetime.fromisoformat(metadata["at"]),
        correlation=identifier("correlation"),
        causation=identifier("causation"),
        traceparent=metadata.get("traceparent"),
    )
