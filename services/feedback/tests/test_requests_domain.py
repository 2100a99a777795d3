"""A request for another match: one a pair and participant, told to matching, never saying who asked to anybody else."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from events.contracts.matching import PairCreated
from events.runtime.refusals import NotFound
from feedback import commands
from feedback.domain.request import PairIsOver, RematchAsked, RequestIsOpen

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def paired(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    return memory


def ask(sample, participant, reason=None):
    return commands.request_rematch(sample.pair, sample.program, participant, reason, author=uuid4(), now=NOON)


def test_either_side_asks_once(paired, sample):
    [first] = paired.run(ask(sample, sample.mentor, "We never found a time"))
    [second] = paired.run(ask(sample, sample.mentee))
    assert (first.participant, first.reason, second.participant) == (
        sample.mentor,
        "We never found a time",
        sample.mentee,
    )
    with pytest.raises(RequestIsOpen):
        paired.run(ask(sample, sample.mentor))


def test_somebody_outside_the_pair_finds_nothing(paired, sample):
    with pytest.raises(NotFound):
        paired.run(ask(sample, uuid4()))


def test_a_pair_that_nobody_heard_of_is_not_there(memory, sample):
    with pytest.raises(NotFound):
        memory.run(ask(sample, sample.mentor))


def test_a_pair_that_is_over_cannot_end_again(paired, sample):
    paired.hear(sample.pair_ended)
    with pytest.raises(PairIsOver):
        paired.run(ask(sample, sample.mentor))


def test_who_left_the_program_asks_for_nothing(paired, sample):
    paired.hear(sample.mentor_withdrawn)
    with pytest.raises(PairIsOver):
        paired.run(ask(sample, sample.mentor))


def test_another_pair_of_the_same_participant_may_be_ended_too(paired, sample):
    paired.run(ask(sample, sample.mentor))
    other = PairCreated(**{**sample.pair_created.model_dump(), "pair": uuid4(), "mentee": uuid4()})
    paired.hear(other)
    command = commands.request_rematch(other.pair, sample.program, sample.mentor, None, author=uuid4(), now=NOON)
    assert len(paired.run(command)) == 1


def test_neither_key_nor_correlation_nor_causation_tells_which_side_asked(paired, sample):
    commands_of_both = [ask(sample, sample.mentor), ask(sample, sample.mentee)]
    for command in commands_of_both:
        paired.run(command)
    asked = [recorded for recorded in paired.log if isinstance(recorded.event, RematchAsked)]
    [(key, correlation, causation)] = {(each.stream_id, each.correlation, each.causation) for each in asked}
    assert (correlation, causation) == (sample.pair, None)
    assert key not in {sample.mentor, sample.mentee}


def test_the_reason_is_sealed_under_the_key_of_who_gave_it():
    assert RematchAsked.personal == {"reason": "author"}
