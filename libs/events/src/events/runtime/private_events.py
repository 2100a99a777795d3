"""Private events: the facts a service decides on and keeps for itself. Pure; no I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field that is stored encrypted under the key of the subject named by field `owner`.

    The field's type must allow None: that is what a reader sees once the key is destroyed.
    """

    owner: str


class Event(BaseModel):
    """One fact of a stream. Subclasses write out `type` (unique in the service) and `schema_version`."""

    # An error that names values would carry them into logs.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: ClassVar[str]
    schema_version: ClassVar[int] = 1
    personal: ClassVar[dict[str, str]] = {}
    """Personal field → the field that names its owner."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        cls.personal = {
            name: mark.owner
            for name, field in cls.model_fields.items()
            for mark in field.metadata
            if isinstance(mark, Personal)
        }
        for name, owner in cls.personal.items():
            if owner not in cls.model_fields:
                raise TypeError(f"{cls.__name__}.{name} is personal to {owner!r}, which is no field")


E = TypeVar("E", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Recorded(Generic[E]):
    """An event as the store holds it."""

    id: UUID
    stream_id: UUID
    version: int
    event: E
    at: datetime
    """Domain time of the command."""
    correlation: UUID | None
    causation: UUID | None
    traceparent: str | None
    """W3C trace context of the command that appended it."""


class UnknownEventType(LookupError):
    """The store holds a type or schema version that this code does not know."""


class EventTypes:
    """The private events of one service by written type, and how to read them."""

    def __init__(self, types: Iterable[type[Event]]) -> None:
        self._by_name: dict[str, type[Event]] = {}
        for event_type in types:
            if event_type.type in self._by_name:
                raise ValueError(f"two private events are called {event_type.type}")
            self._by_name[event_type.type] = event_type

    def __iter__(self) -> Iterator[type[Event]]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> type[Event]:
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownEventType(name) from None

    def read(self, name: str, schema_version: int, data: str | bytes) -> Event:
        """Build the event from stored JSON. Raises UnknownEventType for what a newer version wrote."""
        event_type = self[name]
        if schema_version > event_type.schema_version:
            raise UnknownEventType(f"{name} version {schema_version}")
        return event_type.model_validate_json(data)
