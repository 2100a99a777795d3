"""Base of every published event, and the list of all of them by their CloudEvents type."""

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from events.contracts.kinds import Kind


class Audience(StrEnum):
    """Who may subscribe: any system, or the platform's own services."""

    PUBLIC = "public"
    RESTRICTED = "restricted"


class PublishedEvent(BaseModel):
    """An event that leaves its service. Unknown fields are ignored, so that a newer producer breaks no reader.

    Subclasses write out `type` (CloudEvents `ce_type`), `producer` (the service) and `audience`.
    """

    # An error that names values would carry them into logs.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    type: ClassVar[str]
    producer: ClassVar[str]
    audience: ClassVar[Audience]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        if not hasattr(cls, "type"):
            return
        if cls.type in _BY_TYPE:
            raise TypeError(f"{cls.type} is defined twice")
        for name, field in cls.model_fields.items():
            kinds = [kind for kind in field.metadata if isinstance(kind, Kind)]
            if len(kinds) != 1:
                raise TypeError(f"{cls.type}.{name} needs exactly one kind from events.contracts.kinds")
            if cls.audience is Audience.PUBLIC and not kinds[0].public:
                raise TypeError(f"{cls.type}.{name} is a {kinds[0].name} and may not be public")
        _BY_TYPE[cls.type] = cls

    @classmethod
    def topic(cls) -> str:
        """The Kafka topic that carries this event."""
        restricted = ".restricted" if cls.audience is Audience.RESTRICTED else ""
        return f"viceversa.{cls.producer}{restricted}.v1"

    @classmethod
    def event_id(cls, private_event_id: UUID) -> UUID:
        """CloudEvents id: the same for every republish of the same private event (UUIDv5, RFC 9562)."""
        return uuid5(private_event_id, cls.type)


_BY_TYPE: dict[str, type[PublishedEvent]] = {}


def event_type(ce_type: str) -> type[PublishedEvent] | None:
    """The contract of a CloudEvents type, or None for one that this version does not know."""
    return _BY_TYPE.get(ce_type)


def all_event_types() -> Iterator[type[PublishedEvent]]:
    """Every contract, ordered by type."""
    return (_BY_TYPE[name] for name in sorted(_BY_TYPE))
