"""A program, two pairs' worth of people, and a store in memory to run commands against without any I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.contracts.enrollment import ParticipantWithdrawn, ProgramClosed, ProgramOpened
from events.contracts.matching import PairCreated, PairEnded
from events.contracts.registry import PublishedEvent
from events.contracts.sessions import SessionLogged
from events.runtime.consuming import Received
from events.runtime.private_events import Event, Recorded
from events.runtime.refusals import NotFound
from events.runtime.streams import Command, Stream, Streams
from feedback.domain.sheet import SheetOpened
from feedback.subscribers import REACTIONS

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


class Memory:
    """Runs commands as the runtime does: loads, waits for causes, decides, folds."""

    def __init__(self) -> None:
        self.log: list[Recorded[Any]] = []
        self._streams = Streams()

    def run(self, command: Command) -> list[Event]:
        """Carry out one command; answers what it appended. NotFound stands for waiting."""
        self._know(command.loads)
        also = list(command.also(self._streams)) if command.also else []
        self._know(also)
        if not all(self._streams.exists(stream) for stream in command.requires):
            raise NotFound
        loaded = {stream.id for stream in (*command.loads, *also)}
        appended = list(command.decide(self._streams))
        assert {stream.id for stream, _ in appended} <= loaded
        for stream, event in appended:
            version = self._streams.fold(stream, event)
            self.log.append(
                Recorded(uuid4(), stream.id, version, event, command.at, command.correlation, command.causation, None)
            )
        return [event for _, event in appended]

    def hear(self, event: PublishedEvent, at: datetime = NOON) -> list[Event]:
        """React to another service's event."""
        return self.run(REACTIONS[type(event)](Received(uuid4(), uuid4(), event, at, None, 1, None)))

    def state(self, stream: Stream[Any]) -> Any:
        self._know([stream])
        return self._streams[stream]

    def all(self, kind: type[Event]) -> list[Any]:
        return [recorded.event for recorded in self.log if isinstance(recorded.event, kind)]

    def sheet(self, participant: UUID, number: int | None = None) -> UUID:
        """The participant's sheet about a session, or their baseline."""
        [sheet] = {
            opened.sheet
            for opened in self.all(SheetOpened)
            if (opened.participant, opened.number) == (participant, number)
        }
        return sheet

    def _know(self, streams: Iterable[Stream[Any]]) -> None:
        for stream in streams:
            if stream not in self._streams:
                self._streams.restore(stream, 0, stream.category.initial)


@dataclass(frozen=True)
class Sample:
    """Published events about one pair of one program."""

    program: UUID = field(default_factory=uuid4)
    pair: UUID = field(default_factory=uuid4)
    mentor: UUID = field(default_factory=uuid4)
    mentee: UUID = field(default_factory=uuid4)

    @property
    def program_opened(self) -> ProgramOpened:
        return ProgramOpened(
            program=self.program,
            name="Both ways",
            regions=("emea", "apac"),
            starts_on=date(2027, 3, 1),
            ends_on=date(2027, 12, 1),
            cadence_days=30,
            sessions_per_pair=6,
            rating_threshold=6,
            comment_threshold=12,
        )

    @property
    def program_closed(self) -> ProgramClosed:
        return ProgramClosed(program=self.program)

    @property
    def pair_created(self) -> PairCreated:
        return PairCreated(
            pair=self.pair,
            program=self.program,
            mentor=self.mentor,
            mentee=self.mentee,
            mentor_region="emea",
            mentee_region="apac",
        )

    @property
    def pair_ended(self) -> PairEnded:
        return PairEnded(pair=self.pair, program=self.program)

    @property
    def mentor_withdrawn(self) -> ParticipantWithdrawn:
        return ParticipantWithdrawn(participant=self.mentor, program=self.program)

    def session_logged(self, number: int) -> SessionLogged:
        return SessionLogged(pair=self.pair, program=self.program, number=number, minutes=50)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def sample() -> Sample:
    return Sample()


@pytest.fixture(scope="session")
def begin_anew() -> Callable[[], tuple[Memory, Sample]]:
    """For tests that try many histories: an empty store and new people for each."""
    return lambda: (Memory(), Sample())
