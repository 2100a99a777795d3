"""A store in memory, to run a service's commands against without any I/O."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from events.contracts.registry import PublishedEvent
from events.runtime.consuming import Reactions, Received
from events.runtime.private_events import Event, Recorded
from events.runtime.refusals import NotFound, VersionConflict
from events.runtime.streams import Command, Stream, Streams

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


class Memory:
    """Runs commands as the runtime does: loads, waits for causes, decides, folds."""

    def __init__(self, reactions: Reactions) -> None:
        self.log: list[Recorded[Any]] = []
        self._streams = Streams()
        self._reactions = reactions

    def run(self, command: Command) -> list[Event]:
        """Carry out one command; answers what it appended. NotFound stands for waiting."""
        self._know(command.loads)
        also = list(command.also(self._streams)) if command.also else []
        self._know(also)
        if not all(self._streams.exists(stream) for stream in command.requires):
            raise NotFound
        for stream in command.loads:
            if command.expected.get(stream.id, self._streams.version(stream)) != self._streams.version(stream):
                raise VersionConflict
        loaded = {stream.id for stream in (*command.loads, *also)}
        appended = list(command.decide(self._streams))
        if not {stream.id for stream, _ in appended} <= loaded:
            raise AssertionError("the command appends to a stream that it did not load")
        for stream, event in appended:
            version = self._streams.fold(stream, event)
            self.log.append(
                Recorded(uuid4(), stream.id, version, event, command.at, command.correlation, command.causation, None)
            )
        return [event for _, event in appended]

    def hear(self, event: PublishedEvent, at: datetime = NOON) -> list[Event]:
        """React to another service's event."""
        return self.run(self._reactions[type(event)](Received(uuid4(), uuid4(), event, at, None, 1, None)))

    def state(self, stream: Stream[Any]) -> Any:  # noqa: ANN401 - whatever the stream folds to
        """Current state of one stream."""
        self._know([stream])
        return self._streams[stream]

    def version(self, stream: Stream[Any]) -> int:
        """Current version of one stream; 0 when it has no event."""
        self._know([stream])
        return self._streams.version(stream)

    def all(self, kind: type[Event]) -> list[Any]:
        """Every event of this kind, in the order of the log."""
        return [recorded.event for recorded in self.log if isinstance(recorded.event, kind)]

    def _know(self, streams: Iterable[Stream[Any]]) -> None:
        for stream in streams:
            if stream not in self._streams:
                self._streams.restore(stream, 0, stream.category.initial)
