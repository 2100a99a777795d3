"""Work that time makes due: a clock, not an event, causes it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.streams import Command


@dataclass(frozen=True, slots=True)
class DueWork:
    """`due` answers the commands that domain time has made due. A command that was carried out already refuses."""

    name: str
    due: Callable[[AsyncConnection, datetime], Awaitable[Sequence[Command]]]
