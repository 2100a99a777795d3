"""Projections: tables that follow a log of events, in sets, one transaction a page."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.registry import PublishedEvent
from events.runtime.consuming import Received
from events.runtime.private_events import Event, Recorded


@dataclass(frozen=True, slots=True)
class StoreProjection:
    """Follows the service's own store, in the order of its log.

    `apply` gets a page of the events it handles and changes tables in sets; however the log is cut into pages, the
    tables must come out the same. `tables` are all that it writes, in the order in which it writes; nothing else does.
    """

    name: str
    handles: tuple[type[Event], ...]
    apply: Callable[[AsyncConnection, Sequence[Recorded[Any]]], Awaitable[None]]
    tables: tuple[Table, ...]

    @property
    def cursor(self) -> str:
        """Name of its cursor."""
        return f"projection {self.name}"


@dataclass(frozen=True, slots=True)
class TopicProjection:
    """Follows published events of other services. Order holds within a key only, so `apply` commutes across keys.

    `tables` are all that it writes, in the order in which it writes; nothing else does.
    """

    name: str
    handles: tuple[type[PublishedEvent], ...]
    apply: Callable[[AsyncConnection, Sequence[Received[Any]]], Awaitable[None]]
    tables: tuple[Table, ...]


Projection: TypeAlias = StoreProjection | TopicProjection


class AmbiguousProjections(ValueError):
    """Two projections of one service have one name, or write one table: neither could be rebuilt alone."""


def check(projections: Sequence[Projection]) -> None:
    """Names and tables are each projection's own. Raises AmbiguousProjections."""
    names = [projection.name for projection in projections]
    tables = [table.name for projection in projections for table in projection.tables]
    twice = {each for owned in (names, tables) for each in owned if owned.count(each) > 1}
    if twice:
        raise AmbiguousProjections(f"two projections share {', '.join(sorted(twice))}")
    for projection in projections:
        if not projection.tables:
            raise AmbiguousProjections(f"{projection.name} names no table")
