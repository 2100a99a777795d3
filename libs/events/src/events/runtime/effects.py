"""What a consumer does with a set of messages inside one transaction: react with commands, or change tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.registry import PublishedEvent
from events.runtime import store
from events.runtime.codec import Codec
from events.runtime.consuming import Reactions
from events.runtime.deciding import CauseMissing, Decided, decide
from events.runtime.messages import Message
from events.runtime.parked import Parked
from events.runtime.projecting import TopicProjection
from events.runtime.streams import Command


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of a set: applied, waiting for a cause, or to be tried again because another writer was quicker."""

    applied: Sequence[Message]
    parked: Sequence[Parked] = ()
    lost: Sequence[Message] = ()


class RaceLost(Exception):
    """Another writer was quicker at a stream of a command that spans several."""


class Poison(Exception):
    """One message that cannot be applied, however often it is tried."""

    def __init__(self, message: Message) -> None:
        super().__init__(f"{message.envelope.type} {message.id}")
        self.message = message


class Effects(Protocol):
    """One consumer's way to apply messages."""

    @property
    def handles(self) -> frozenset[type[PublishedEvent]]:
        """Events it wants."""

    async def apply(
        self, conn: AsyncConnection, messages: Sequence[Message], traceparents: Sequence[str | None]
    ) -> Effect:
        """Apply messages in order. `traceparents` are the contexts of their `process` spans."""

    def applied(self) -> None:
        """The transaction committed."""


class Reactor:
    """Event → command → append.

    Decides from streams folded in memory, so a message sees what the one before it decided.
    """

    def __init__(self, codec: Codec, reactions: Reactions, committed: Callable[[], None]) -> None:
        self._codec = codec
        self._reactions = reactions
        self._committed = committed

    @property
    def handles(self) -> frozenset[type[PublishedEvent]]:
        """Events that it reacts to."""
        return frozenset(self._reactions)

    async def apply(
        self, conn: AsyncConnection, messages: Sequence[Message], traceparents: Sequence[str | None]
    ) -> Effect:
        """Decide all and append. Raises Poison and RaceLost."""
        commands = [self._command(message) for message in messages]
        waits: dict[UUID, UUID | None] = {}
        while True:
            going = [i for i, message in enumerate(messages) if message.id not in waits]
            decided = await decide(conn, self._codec, [commands[i] for i in going], [traceparents[i] for i in going])
            found = _waiting([messages[i] for i in going], decided)
            if not found:
                break
            waits |= found
        won = await store.append(conn, decided.rows) if decided.rows else set()
        if decided.must_roll_back(won):
            raise RaceLost
        lost = {going[i] for i in decided.unsettled(won)}
        if _overtaken(messages, lost):
            raise RaceLost
        return Effect(
            applied=[messages[i] for i in going if i not in lost],
            parked=[Parked(message, waits[message.id]) for message in messages if message.id in waits],
            lost=[messages[i] for i in sorted(lost)],
        )

    def applied(self) -> None:
        """Wake the log's readers."""
        self._committed()

    def _command(self, message: Message) -> Command:
        received = message.received
        try:
            command = self._reactions[type(received.event)](received)
        except Exception as error:
            raise Poison(message) from error
        return replace(command, causation=received.id, correlation=command.correlation or received.correlation)


def _overtaken(messages: Sequence[Message], lost: set[int]) -> bool:
    """Whether a message that must be done again has one of its key behind it, which would be done before it."""
    keys = {messages[i].key: i for i in sorted(lost, reverse=True)}
    return any(i > keys.get(message.key, i) and i not in lost for i, message in enumerate(messages))


def _waiting(messages: Sequence[Message], decided: Decided) -> dict[UUID, UUID | None]:
    """Messages that miss their cause, and those behind them under the same key. Raises Poison."""
    waits: dict[UUID, UUID | None] = {}
    keys: set[UUID] = set()
    for message, outcome in zip(messages, decided.outcomes, strict=True):
        if message.key in keys:
            waits[message.id] = None
        elif isinstance(outcome, CauseMissing):
            waits[message.id] = outcome.cause
            keys.add(message.key)
        elif isinstance(outcome, Exception):
            raise Poison(message) from outcome
    return waits


class TopicProjector:
    """Event → tables."""

    def __init__(self, projection: TopicProjection) -> None:
        self._projection = projection

    @property
    def handles(self) -> frozenset[type[PublishedEvent]]:
        """Events that its tables follow."""
        return frozenset(self._projection.handles)

    async def apply(
        self,
        conn: AsyncConnection,
        messages: Sequence[Message],
        traceparents: Sequence[str | None],  # noqa: ARG002 - tables keep no trace
    ) -> Effect:
        """Change the tables."""
        await self._projection.apply(conn, [message.received for message in messages])
        return Effect(applied=messages)

    def applied(self) -> None:
        """Nobody reads a log that this made."""
