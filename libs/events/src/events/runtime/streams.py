"""Streams, folds and commands: how a decision says what it reads and what it appends. Pure; no I/O."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from events.runtime.private_events import Event

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Category(Generic[S]):
    """One kind of stream: its initial state and how an event changes it."""

    name: str
    initial: S
    evolve: Callable[[S, Any], S]

    def stream(self, stream_id: UUID) -> "Stream[S]":
        """The stream of this category with that id."""
        return Stream(self, stream_id)


@dataclass(frozen=True, slots=True)
class Stream(Generic[S]):
    """Names one stream."""

    category: Category[S] = field(hash=False, compare=False)
    id: UUID


@dataclass(slots=True)
class _Folded:
    version: int
    state: Any


class Streams:
    """Folded streams in memory. What a decision appends is folded at once, so the next one in the set sees it."""

    def __init__(self) -> None:
        self._folded: dict[int, _Folded] = {}  # by the id's integer: a UUID hashes in Python, ten times a command

    def __contains__(self, stream: Stream[Any]) -> bool:
        return stream.id.int in self._folded

    def __getitem__(self, stream: Stream[S]) -> S:
        """State of the stream; the category's initial state when it has no event."""
        folded = self._folded[stream.id.int]
        state: S = stream.category.initial if folded.version == 0 else folded.state
        return state

    def version(self, stream: Stream[Any]) -> int:
        """Number of events in the stream."""
        return self._folded[stream.id.int].version

    def exists(self, stream: Stream[Any]) -> bool:
        """Whether the stream has any event."""
        return self._folded[stream.id.int].version > 0

    def restore(self, stream: Stream[Any], version: int, state: Any) -> None:  # noqa: ANN401 - state is the category's
        """Put a loaded fold in place."""
        self._folded[stream.id.int] = _Folded(version, state)

    def fold(self, stream: Stream[Any], event: Event) -> int:
        """Apply one event and answer the stream's new version."""
        folded = self._folded[stream.id.int]
        state = stream.category.initial if folded.version == 0 else folded.state
        folded.state = stream.category.evolve(state, event)
        folded.version += 1
        return folded.version

    def snapshot(self, streams: Iterable[Stream[Any]]) -> "list[tuple[Stream[Any], int, Any]]":
        """Folds to return to if a decision over these streams is refused half-way."""
        return [(s, self._folded[s.id.int].version, self._folded[s.id.int].state) for s in streams]


Appends = Iterable[tuple[Stream[Any], Event]]


@dataclass(frozen=True, slots=True)
class Command:
    """One decision over one or several streams; all it appends commits together or not at all.

    `decide` is pure and may run again after a lost race. It raises a Refusal to say no.
    """

    loads: tuple[Stream[Any], ...]
    decide: Callable[[Streams], Appends]
    at: datetime
    """Domain time; becomes `ce_time` of what is published."""
    also: Callable[[Streams], Iterable[Stream[Any]]] | None = None
    """Further streams, known only once `loads` are folded (one more query for the whole set)."""
    requires: tuple[Stream[Any], ...] = ()
    """Streams that must exist: a reaction waits for them (its cause has not arrived), a caller gets NotFound."""
    expected: Mapping[UUID, int] = field(default_factory=dict)
    """Stream id → version that the caller saw (`If-Match`)."""
    correlation: UUID | None = None
    actor: UUID | None = None
    """Who asked. Kept with the event, never published."""
    causation: UUID | None = None
    """Id of the event that this reacts to; the consumer fills it in."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command appended."""

    versions: Mapping[UUID, int]
    """Stream id → its version after the command, for every stream the command loaded."""
    events: tuple[tuple[UUID, Event], ...]
    """(stream id, event) in the order of the decision."""
