"""Private events: the facts a service decides on and keeps for itself. Pure; no I/O.

What was written stays as it was written. A version that is no longer written is a `Former`: at read its data goes
through the upcasters of all versions since, one after the other, and the event is built from what comes out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field that is stored encrypted under the key of the subject named by field `owner`.

    The field's type must allow None: that is what a reader sees once the key is destroyed.
    """

    owner: str


@dataclass(frozen=True, slots=True)
class Former:
    """A version of an event's data that is in stores and is no longer written."""

    upcast: Callable[[dict[str, Any]], dict[str, Any]]
    """Pure: this version's data → the next one's. It may rename, split, join and drop personal fields like all others.

    It sees them opened, and None where the key was destroyed: what it makes of them must be None then too.
    """
    personal: Mapping[str, str] = field(default_factory=dict)
    """Sealed fields of this version → the fields that named their owners. What is sealed is bound to these names."""
    clear: Mapping[str, str] = field(default_factory=dict)
    """Fields that it holds in clear and that are personal by now → their owners: they too read as None in the end."""


class Event(BaseModel):
    """One fact of a stream. Subclasses write out `type` (unique in the service) and `schema_version`."""

    # An error that names values would carry them into logs.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: ClassVar[str]
    schema_version: ClassVar[int] = 1
    former: ClassVar[tuple[Former, ...]] = ()
    """Versions 1, 2, … before this one."""
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
        if cls.schema_version != len(cls.former) + 1:
            raise TypeError(f"{cls.__name__} is version {cls.schema_version} and has {len(cls.former)} former ones")


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

    def personal(self, name: str, schema_version: int) -> Mapping[str, str]:
        """Fields that nobody reads once their owner's key is destroyed → owners. Raises UnknownEventType."""
        event_type = self._by_name.get(name)
        if event_type is not None and schema_version == event_type.schema_version:
            return event_type.personal
        former = _former(self[name], schema_version)
        return {**former.personal, **former.clear}

    def clear(self, name: str, schema_version: int) -> Mapping[str, str]:
        """Those of them that this version holds in clear. Raises UnknownEventType."""
        event_type = self[name]
        return {} if schema_version == event_type.schema_version else _former(event_type, schema_version).clear

    def read(self, name: str, schema_version: int, data: str | bytes) -> Event:
        """Build the event from stored JSON. Raises UnknownEventType for what a newer version wrote."""
        event_type = self._by_name.get(name)
        if event_type is not None and schema_version == event_type.schema_version:
            return event_type.model_validate_json(data)
        event_type = self[name]
        _former(event_type, schema_version)
        found: dict[str, Any] = from_json(data)
        for former in event_type.former[schema_version - 1 :]:
            found = former.upcast(found)
        return event_type.model_validate_json(to_json(found))


def _former(event_type: type[Event], schema_version: int) -> Former:
    if not 0 < schema_version < event_type.schema_version:
        raise UnknownEventType(f"{event_type.type} version {schema_version}")
    return event_type.former[schema_version - 1]
