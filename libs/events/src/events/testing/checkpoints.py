"""Named places in running code at which a test makes an operation freeze, fail or die, and the same each time."""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_fate: ContextVar["Fate | None"] = ContextVar("fate", default=None)


class Deed(Enum):
    """What happens to an operation at its checkpoint."""

    FREEZE = "freeze"
    FAIL = "fail"
    """As when the connection to the database breaks."""
    DIE = "die"


@dataclass(slots=True, eq=False)
class Fate:
    """What happens to one operation, once, when it comes to `at`."""

    at: str
    deed: Deed
    met: bool = False
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    thawed: asyncio.Event = field(default_factory=asyncio.Event)


async def checkpoint(name: str) -> None:
    """Here something may happen to the operation in hand."""
    fate = _fate.get()
    if fate is None or fate.met or fate.at != name:
        return
    fate.met = True
    match fate.deed:
        case Deed.FREEZE:
            fate.frozen.set()
            await fate.thawed.wait()
        case Deed.FAIL:
            raise ConnectionResetError
        case Deed.DIE:
            raise asyncio.CancelledError


@dataclass(slots=True, eq=False)
class Operation(Generic[T]):
    """Work that goes on until it ends or freezes."""

    fate: Fate
    task: asyncio.Task[T]

    @classmethod
    async def begin(cls, work: Coroutine[Any, Any, T], fate: Fate) -> "Operation[T]":
        """Start it, and return when it has ended or is frozen."""

        async def under_its_fate() -> T:
            _fate.set(fate)
            return await work

        operation = cls(fate, asyncio.create_task(under_its_fate()))
        frozen = asyncio.create_task(fate.frozen.wait())
        await asyncio.wait([operation.task, frozen], return_when=asyncio.FIRST_COMPLETED)
        frozen.cancel()
        return operation

    @property
    def is_frozen(self) -> bool:
        """Whether it waits to be thawed."""
        return not self.task.done()

    @property
    def died(self) -> bool:
        """Whether it was ended where it was."""
        return self.task.done() and self.task.cancelled()

    async def thaw(self) -> None:
        """Let it go on to its end."""
        self.fate.thawed.set()
        await asyncio.wait([self.task])

    async def kill(self) -> None:
        """End it where it is."""
        self.task.cancel()
        await asyncio.wait([self.task])
