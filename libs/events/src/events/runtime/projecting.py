"""Projections: tables that follow a log of events, in sets, one transaction a page."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.registry import PublishedEvent
from events.runtime.consuming import Received
from events.runtime.private_events import Event, Recorded


@dataclass(frozen=True, slots=True)
class StoreProjection:
    """Follows the service's own store, in the order of its log.

    `apply` gets a page of the events it handles and changes tables in sets; however the log is cut into pages, the
    tables must come out the same.
    """

    name: str
    handles: tuple[type[Event], ...]
    apply: Callable[[AsyncConnection, Sequence[Recorded[Any]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TopicProjection:
    """Follows published events of other services. Order holds within a key only, so `apply` commutes across keys."""

    name: str
    handles: tuple[type[PublishedEvent], ...]
    apply: Callable[[AsyncConnection, Sequence[Received[Any]]], Awaitable[None]]
