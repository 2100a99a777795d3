"""A program, two pairs' worth of people, and a store in memory to run commands against without any I/O."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID, uuid4

import pytest

from events.contracts.enrollment import ParticipantWithdrawn, ProgramClosed, ProgramOpened
from events.contracts.matching import PairCreated, PairEnded
from events.contracts.sessions import SessionLogged
from events.testing.memory import NOON, Memory
from feedback import commands
from feedback.domain.instruments import CURRENT
from feedback.domain.sheet import Attributes, SheetOpened
from feedback.subscribers import REACTIONS


class Feedback(Memory):
    """Feedback in memory."""

    def __init__(self) -> None:
        super().__init__(REACTIONS)

    def sheet(self, participant: UUID, number: int | None = None) -> UUID:
        """The participant's sheet about a session, or their baseline."""
        [sheet] = {
            opened.sheet
            for opened in self.all(SheetOpened)
            if (opened.participant, opened.number) == (participant, number)
        }
        return sheet


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


@pytest.fixture(scope="session")
def answer() -> Callable[..., None]:
    """Answer a sheet."""

    def answer(memory: Feedback, opened: SheetOpened, at: datetime = NOON) -> None:
        ratings = dict.fromkeys(CURRENT[opened.instrument].questions[opened.role], 3)
        given = commands.answer_sheet(
            opened.sheet, ratings, None, attributes=Attributes(region="emea"), author=uuid4(), now=at, expected=None
        )
        memory.run(given)

    return answer


@pytest.fixture(scope="session")
def everything_happens(answer: Callable[..., None]) -> Callable[[Feedback, Sample], None]:
    """A pair that met three times; some sheets answered, some announced, some closed, some open."""

    def happen(memory: Feedback, sample: Sample) -> None:
        memory.hear(sample.program_opened)
        memory.hear(sample.pair_created)
        for number in (1, 2, 3):
            memory.hear(sample.session_logged(number))
        opened = memory.all(SheetOpened)
        for sheet in opened[:5]:
            answer(memory, sheet)
        for sheet in opened[:2]:
            memory.run(commands.announce_answers(sheet.sheet, uuid4(), day=NOON.date()))
        memory.hear(sample.mentor_withdrawn)

    return happen


@pytest.fixture
def memory() -> Feedback:
    return Feedback()


@pytest.fixture
def sample() -> Sample:
    return Sample()


@pytest.fixture(scope="session")
def begin_anew() -> Callable[[], tuple[Feedback, Sample]]:
    """For tests that try many histories: an empty store and new people for each."""
    return lambda: (Feedback(), Sample())
