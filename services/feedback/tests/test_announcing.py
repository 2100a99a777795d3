"""That somebody answered is told once, in the hour's batch, and leads back to nobody."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.contracts.kinds import Role
from events.runtime.refusals import Refusal
from feedback import commands
from feedback.domain.instruments import CURRENT, PULSE
from feedback.domain.sheet import AnswersAnnounced, Attributes, SheetAnswered, SheetOpened, State
from feedback.domain.submission import SubmissionAnnounced

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
TODAY = date(2027, 3, 1)


@pytest.fixture
def sheet(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    memory.hear(sample.session_logged(1))
    return memory.sheet(sample.mentor, 1)


def answer(sheet):
    ratings = dict.fromkeys(CURRENT[PULSE].questions[Role.MENTOR], 5)
    attributes = Attributes(region="emea")
    return commands.answer_sheet(
        sheet, ratings, "Thank you", attributes=attributes, author=uuid4(), now=NOON, expected=None
    )


def test_an_answer_is_announced_in_a_stream_of_its_own_at_midnight_of_its_day(memory, sample, sheet):
    memory.run(answer(sheet))
    submission = uuid4()
    mark, told = memory.run(commands.announce_answers(sheet, submission, day=TODAY))
    assert isinstance(mark, AnswersAnnounced)
    assert told == SubmissionAnnounced(program=sample.program, region="emea", instrument=PULSE, day=TODAY)
    [announced] = [recorded for recorded in memory.log if isinstance(recorded.event, SubmissionAnnounced)]
    assert announced.stream_id == submission
    assert announced.at == datetime(2027, 3, 1, tzinfo=UTC)
    assert (announced.correlation, announced.causation) == (None, None)


def test_an_answer_is_announced_once_however_often_the_clock_asks(memory, sheet):
    memory.run(answer(sheet))
    memory.run(commands.announce_answers(sheet, uuid4(), day=TODAY))
    assert memory.run(commands.announce_answers(sheet, uuid4(), day=TODAY)) == []


def test_a_sheet_that_nobody_answered_is_not_announced(memory, sheet):
    assert memory.run(commands.announce_answers(sheet, uuid4(), day=TODAY)) == []


def test_an_answer_is_announced_also_when_its_author_has_left_since(memory, sample, sheet):
    memory.run(answer(sheet))
    memory.hear(sample.mentor_withdrawn)
    assert len(memory.run(commands.announce_answers(sheet, uuid4(), day=TODAY))) == 2


STEPS = ("pair", "session 1", "session 2", "answer", "announce", "withdraw", "end", "close program", "close sheet")


@settings(deadline=None)  # a busy machine is no defect
@given(steps=st.lists(st.sampled_from(STEPS), max_size=30))
def test_whatever_happens_in_whichever_order_a_sheet_is_answered_once_and_announced_once(begin_anew, steps):
    memory, sample = begin_anew()
    memory.hear(sample.program_opened)

    def sheet():
        """The mentor's about session 1; one that nobody has while it is not opened."""
        asked = [each.sheet for each in memory.all(SheetOpened) if (each.role, each.number) == (Role.MENTOR, 1)]
        return asked[0] if asked else uuid4()

    doing = {
        "pair": lambda: memory.hear(sample.pair_created),
        "session 1": lambda: memory.hear(sample.session_logged(1)),
        "session 2": lambda: memory.hear(sample.session_logged(2)),
        "answer": lambda: memory.run(answer(sheet())),
        "announce": lambda: memory.run(commands.announce_answers(sheet(), uuid4(), day=TODAY)),
        "withdraw": lambda: memory.hear(sample.mentor_withdrawn),
        "end": lambda: memory.hear(sample.pair_ended),
        "close program": lambda: memory.hear(sample.program_closed),
        "close sheet": lambda: memory.run(commands.close_sheet(sheet(), now=NOON)),
    }
    for step in steps:
        try:
            doing[step]()
        except Refusal:
            continue

    answered, announced = memory.all(SheetAnswered), memory.all(SubmissionAnnounced)
    assert len(answered) <= 1
    assert len(announced) == len(memory.all(AnswersAnnounced)) <= len(answered)
    asked = [(each.participant, each.instrument, each.number) for each in memory.all(SheetOpened)]
    assert len(asked) == len(set(asked))
    opened = [each.sheet for each in memory.all(SheetOpened)]
    held = {each: memory.state(commands.sheet_stream(each)).state for each in opened}
    if "withdraw" in steps:
        mentors = {each.sheet for each in memory.all(SheetOpened) if each.participant == sample.mentor}
        assert State.OPEN not in {held[each] for each in mentors}
    if memory.state(commands.pair_stream(sample.pair)).over:
        pulses = {each.sheet for each in memory.all(SheetOpened) if each.instrument == PULSE}
        assert State.OPEN not in {held[each] for each in pulses}
