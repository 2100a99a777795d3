"""A set of commands, decided over one in-memory fold: load all their streams, decide each in turn, make the rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime import store
from events.runtime.codec import Codec, json_of, metadata_of, row_of
from events.runtime.private_events import Event
from events.runtime.refusals import NotFound, VersionConflict
from events.runtime.store import StoredEvent
from events.runtime.streams import Command, Outcome, Stream, Streams


class CauseMissing(NotFound):
    """A stream that the command requires has no event yet. A reaction waits for it."""

    def __init__(self, cause: UUID) -> None:
        super().__init__()
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a set of commands, before anything is appended."""

    outcomes: tuple[Outcome | Exception, ...]
    """One a command, in their order."""
    rows: tuple[StoredEvent, ...]
    touched: tuple[frozenset[UUID], ...]
    """Streams that each command read: its decision stands only if none of them lost."""
    appended: tuple[frozenset[UUID], ...]

    def unsettled(self, won: set[UUID]) -> list[int]:
        """Commands whose decision rests on a stream that lost."""
        lost = frozenset(row.stream_id for row in self.rows) - won
        return [i for i, streams in enumerate(self.touched) if streams & lost]

    def must_roll_back(self, won: set[UUID]) -> bool:
        """Whether a command that rests on a lost stream has rows in a stream that won."""
        return any(self.appended[i] & won for i in self.unsettled(won))


async def decide(
    conn: AsyncConnection, codec: Codec, commands: Sequence[Command], traceparents: Sequence[str | None]
) -> Decided:
    """Decide the commands in order; each sees what the ones before it decided. Writes nothing."""
    streams = Streams()
    await _fold(conn, codec, streams, (stream for command in commands for stream in command.loads))
    await _fold(
        conn,
        codec,
        streams,
        (stream for command in commands if command.also for stream in command.also(streams)),
    )
    outcomes: list[Outcome | Exception] = []
    decided: list[tuple[StoredEvent, Event]] = []
    touched: list[frozenset[UUID]] = []
    for command, traceparent in zip(commands, traceparents, strict=True):
        known = [*command.loads]
        if command.also:
            # Asked again: an earlier command of this set may have named further streams.
            further = list(command.also(streams))
            await _fold(conn, codec, streams, further)
            known += further
        touched.append(frozenset(stream.id for stream in known))
        before = streams.snapshot(known)
        try:
            _check(command, streams)
            new = list(command.decide(streams))
            metadata = metadata_of(command, traceparent) if new else ""
            decided += [
                (row_of(stream.id, streams.fold(stream, event), event, json_of(event), metadata), event)
                for stream, event in new
            ]
        except Exception as error:  # noqa: BLE001 - whatever one command raises is its own outcome, never its neighbours'
            for stream, version, state in before:
                streams.restore(stream, version, state)
            outcomes.append(error)
            continue
        outcomes.append(
            Outcome(
                versions={stream.id: streams.version(stream) for stream in known},
                events=tuple((stream.id, event) for stream, event in new),
            )
        )
    rows = await codec.sealed(decided)
    appended = tuple(
        frozenset() if isinstance(outcome, Exception) else frozenset(stream_id for stream_id, _ in outcome.events)
        for outcome in outcomes
    )
    return Decided(tuple(outcomes), rows, tuple(touched), appended)


async def fold(conn: AsyncConnection, codec: Codec, wanted: Iterable[Stream[Any]]) -> Streams:
    """Current state of many streams, with one query."""
    streams = Streams()
    await _fold(conn, codec, streams, wanted)
    return streams


def _check(command: Command, streams: Streams) -> None:
    for stream in command.requires:
        if not streams.exists(stream):
            raise CauseMissing(stream.id)
    versions: Mapping[UUID, int] = {stream.id: streams.version(stream) for stream in command.loads}
    for stream_id, expected in command.expected.items():
        if versions[stream_id] != expected:
            raise VersionConflict(f"Its version is {versions[stream_id]} now, not {expected}; read it again")


async def _fold(conn: AsyncConnection, codec: Codec, streams: Streams, wanted: Iterable[Stream[Any]]) -> None:
    missing = {stream.id: stream for stream in wanted if stream not in streams}
    if not missing:
        return
    for stream in missing.values():
        streams.restore(stream, 0, stream.category.initial)
    rows = await store.load(conn, missing)
    for row, event in zip(rows, await codec.read(rows), strict=True):
        streams.fold(missing[row.stream_id], event)
