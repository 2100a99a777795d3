"""A small domain for flows: keys tell something, and each thing told has one effect, where somebody listens.

What is told may need causes (other keys must have been heard first), and may be poison until the code is mended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.sessions import SessionLogged
from events.runtime.codec import Codec
from events.runtime.consuming import Received
from events.runtime.effects import Effect, Reactor
from events.runtime.messages import Message
from events.runtime.private_events import Event, EventTypes, Recorded
from events.runtime.publishing import Publications
from events.runtime.store import StoredEvent
from events.runtime.streams import Appends, Category, Command, Stream, Streams
from events.testing.checkpoints import checkpoint
from events.testing.counters import NOW, TooMuch

KEYS = 4
TOPIC = SessionLogged.topic()


class Told(Event):
    """A key told something; `causes` must have been heard before it is."""

    type: ClassVar[str] = "Told"
    causes: int = 0
    """A bit for each key."""


class Heard(Event):
    """The one effect of something told."""

    type: ClassVar[str] = "Heard"
    event_id: UUID
    key: UUID
    number: int


TYPES = EventTypes([Told, Heard])
_FLOW: Category[int] = Category("flow", 0, lambda events, _: events + 1)


def key_of(number: int) -> UUID:
    """Stream that tells."""
    return UUID(int=number + 1)


def telling(key: UUID) -> Stream[int]:
    """What a key told."""
    return _FLOW.stream(key)


def hearing(key: UUID) -> Stream[int]:
    """Where it is heard. Two keys share a listener, so that they race for it."""
    return _FLOW.stream(UUID(int=1_000 + (key.int - 1) // 2))


def known(key: UUID) -> Stream[int]:
    """Exists from when the key was first heard."""
    return _FLOW.stream(UUID(int=2_000 + key.int))


def tell(key: UUID, causes: Sequence[int]) -> Command:
    """Tell one thing more, after these keys."""
    stream = telling(key)
    told = Told(causes=sum(1 << cause for cause in set(causes)))
    return Command((stream,), lambda _: [(stream, told)], NOW)


def _published(told: Recorded[Told]) -> SessionLogged:
    return SessionLogged(pair=told.stream_id, program=UUID(int=told.event.causes), number=told.version, minutes=1)


PUBLICATIONS: Publications = {Told: (_published,)}


@dataclass(slots=True)
class World:
    """What is wrong with the code and the disks at the moment."""

    poison: set[tuple[UUID, int]] = field(default_factory=set)
    """(key, number) at which the code fails."""
    full: bool = False
    """Every disk is full."""

    def hear(self, received: Received[SessionLogged]) -> Command:
        """The reaction."""
        key, number, causes = received.key, received.event.number, received.event.program.int
        listener, first = hearing(key), known(key)

        def decide(streams: Streams) -> Appends:
            if self.full:
                raise OSError(28, "No space left on device")
            if (key, number) in self.poison:
                raise TooMuch
            heard = Heard(event_id=received.id, key=key, number=number)
            return [(listener, heard), *([] if streams.exists(first) else [(first, heard)])]

        missing = tuple(known(key_of(cause)) for cause in range(KEYS) if causes >> cause & 1)
        return Command((listener, first, *missing), decide, NOW, requires=missing)


class StoppableCodec(Codec):
    """A codec with a checkpoint between the decision and the append."""

    async def sealed(self, rows: Sequence[tuple[StoredEvent, Event]]) -> tuple[StoredEvent, ...]:
        """As ever."""
        await checkpoint("decided")
        return await super().sealed(rows)


class StoppableReactor(Reactor):
    """A reactor with checkpoints around what it does."""

    async def apply(
        self, conn: AsyncConnection, messages: Sequence[Message], traceparents: Sequence[str | None]
    ) -> Effect:
        """As ever."""
        await checkpoint("read")
        effect = await super().apply(conn, messages, traceparents)
        await checkpoint("appended")
        return effect
