"""What leaves matching, and what stays."""

import pytest

from events.contracts import matching as published
from events.contracts.kinds import Answer, Role
from events.contracts.registry import Audience, all_event_types
from matching import commands
from matching.domain import EVENTS
from matching.domain.candidate import RoundMissed
from matching.domain.ending import EndDue
from matching.domain.pair import PairCreated, PairEnded, PairProposed, ProposalAnswered
from matching.domain.round import RoundPublished
from matching.publish import PUBLICATIONS


@pytest.fixture
def told(memory, sample, joining):
    """Everything published by a program in which one pair was made and ended, and one declined."""
    joining(Role.MENTOR), joining(Role.MENTOR)
    for _ in range(3):
        joining(Role.MENTEE)
    memory.publish(sample, memory.draft(sample))
    first, second = (event.pair for event in memory.all(PairProposed))
    memory.accept_both(first)
    memory.answer(second, Role.MENTOR, Answer.DECLINED, "canary")
    memory.hear(sample.rematch(first))
    memory.run(commands.end_pair(first, now=memory.all(EndDue)[0].due_at))
    return [
        contract
        for recorded in memory.log
        for make in PUBLICATIONS.get(type(recorded.event), ())
        if (contract := make(recorded)) is not None
    ]


def test_every_contract_of_matching_is_published(told):
    expected = {contract for contract in all_event_types() if contract.producer == "matching"}
    assert {type(event) for event in told} == expected


def test_one_private_event_makes_at_most_one_event_of_a_contract():
    assert set(PUBLICATIONS) == {
        RoundPublished,
        PairProposed,
        ProposalAnswered,
        PairCreated,
        PairEnded,
        RoundMissed,
    }
    assert set(PUBLICATIONS) <= set(EVENTS)


def test_no_reason_topic_or_subject_leaves(told, sample):
    text = "".join(event.model_dump_json() for event in told)
    assert "canary" not in text
    assert "tiktok" not in text
    assert not any(str(subject) in text for subject in sample.subjects.values())


def test_every_end_reads_the_same(told):
    [ended] = [event for event in told if isinstance(event, published.PairEnded)]
    assert ended.reason == "ended"
    assert ended.audience is Audience.PUBLIC


def test_answers_and_proposals_are_for_the_platform_only(told):
    restricted = {type(event) for event in told if event.audience is Audience.RESTRICTED}
    assert restricted == {published.PairProposed, published.ProposalAnswered, published.ParticipantUnmatched}
