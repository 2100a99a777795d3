"""What a consumer hands to a service: one published event of another service, decoded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from events.contracts.registry import PublishedEvent
from events.runtime.streams import Command

P = TypeVar("P", bound=PublishedEvent, covariant=True)


@dataclass(frozen=True, slots=True)
class Received(Generic[P]):
    """One published event. `key` is the producer's stream, `sequence` its version there, `at` domain time."""

    id: UUID
    key: UUID
    event: P
    at: datetime
    correlation: UUID | None
    sequence: int
    traceparent: str | None
    """Context of the message's sender on this hop."""


Reactions = Mapping[type[PublishedEvent], Callable[[Received[Any]], Command]]
"""Published event → one command. No branching on state: rules live in streams."""
