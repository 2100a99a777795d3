"""Given a round, when its proposals are answered, then pair and both candidates always agree."""

from datetime import UTC, datetime, timedelta

import pytest

from events.contracts.kinds import Answer, Role
from events.runtime.refusals import NotFound, VersionConflict
from matching import commands
from matching.domain.candidate import PartnerReleased, PartnerReserved, RoundMissed, candidate_stream
from matching.domain.ending import EndDue, ending_stream, next_full_hour
from matching.domain.pair import (
    NotYourTurn,
    PairCreated,
    PairEnded,
    PairProposed,
    ProposalAnswered,
    ProposalClosed,
    ProposalIsClosed,
    ProposalLapsed,
    State,
    pair_stream,
)
from matching.domain.program import ProgramNotOpen
from matching.domain.round import round_stream

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def couple(joining):
    return joining(Role.MENTOR), joining(Role.MENTEE)


@pytest.fixture
def pair(memory, sample, couple):
    """One proposal, published."""
    memory.publish(sample, memory.draft(sample))
    [proposed] = [event for event in memory.all(PairProposed) if event.mentor == couple[0]]
    return proposed.pair


def places(memory, participant):
    return memory.state(candidate_stream(participant)).free_places


def test_a_draft_holds_nobodys_place(memory, sample, couple):
    memory.draft(sample)
    assert [places(memory, who) for who in couple] == [1, 1]


def test_a_publication_holds_a_place_on_both_sides(memory, couple, pair):
    assert [places(memory, who) for who in couple] == [0, 0]
    assert memory.state(pair_stream(pair)).state is State.PROPOSED


@pytest.mark.usefixtures("sample", "pair")
def test_publishing_again_changes_nothing(memory):
    [proposed] = memory.all(PairProposed)
    length = len(memory.log)
    memory.follow_up(proposed.round)
    assert len(memory.log) == length


def test_both_say_yes_and_are_a_pair(memory, couple, pair):
    memory.accept_both(pair)
    [created] = memory.all(PairCreated)
    assert (created.mentor, created.mentee) == couple
    assert all(memory.state(candidate_stream(who)).confirmed == {pair} for who in couple)


def test_the_mentee_cannot_answer_before_the_mentor(memory, pair):
    with pytest.raises(NotFound):
        memory.answer(pair, Role.MENTEE, Answer.ACCEPTED)


def test_the_mentee_never_learns_what_the_mentor_declined(memory, pair):
    memory.answer(pair, Role.MENTOR, Answer.DECLINED, "not him")
    assert not memory.state(pair_stream(pair)).visible_to(Role.MENTEE)
    with pytest.raises(NotFound):
        memory.answer(pair, Role.MENTEE, Answer.ACCEPTED)


def test_nobody_answers_twice(memory, pair):
    memory.answer(pair, Role.MENTOR, Answer.ACCEPTED)
    with pytest.raises(NotYourTurn):
        memory.answer(pair, Role.MENTOR, Answer.DECLINED)
    memory.answer(pair, Role.MENTEE, Answer.ACCEPTED)
    with pytest.raises(ProposalIsClosed):
        memory.answer(pair, Role.MENTEE, Answer.DECLINED)


def test_an_answer_to_an_older_version_is_refused(memory, pair):
    with pytest.raises(VersionConflict):
        memory.run(commands.answer(pair, Role.MENTOR, Answer.ACCEPTED, None, now=NOON, actor=pair, expected=7))


@pytest.mark.parametrize("who", list(Role))
def test_a_decline_frees_both_and_parts_them_for_good(memory, sample, couple, pair, who):
    if who is Role.MENTEE:
        memory.answer(pair, Role.MENTOR, Answer.ACCEPTED)
    memory.answer(pair, who, Answer.DECLINED)
    assert [places(memory, person) for person in couple] == [1, 1]
    assert memory.state(round_stream(memory.draft(sample))).proposals == {}


@pytest.mark.usefixtures("couple")
def test_a_draft_from_before_a_decline_does_not_bring_the_two_together_again(memory, sample):
    first = memory.draft(sample)
    memory.mark_published(sample, first)
    second = memory.draft(sample)  # before the first one's proposals are out
    memory.follow_up(first)
    memory.answer(memory.all(PairProposed)[0].pair, Role.MENTOR, Answer.DECLINED)
    memory.publish(sample, second)
    assert len(memory.all(PairProposed)) == 1
    assert len(memory.all(ProposalLapsed)) == 1


def test_the_reason_of_a_decline_is_kept_under_its_authors_key_and_of_a_yes_there_is_none(memory, pair):
    memory.answer(pair, Role.MENTOR, Answer.ACCEPTED, "gladly")
    memory.answer(pair, Role.MENTEE, Answer.DECLINED, "too busy")
    accepted, declined = memory.all(ProposalAnswered)
    assert (accepted.reason, declined.reason) == (None, "too busy")
    assert ProposalAnswered.personal == {"reason": "author"}


def test_whoever_is_left_out_waits_one_round_more_and_goes_first_next_time(memory, sample, joining, couple):
    late = joining(Role.MENTEE)
    memory.publish(sample, memory.draft(sample))
    [missed] = memory.all(RoundMissed)
    assert missed.participant in (couple[1], late)
    assert missed.rounds_waited == 1
    joining(Role.MENTOR)
    joining(Role.MENTEE)
    memory.publish(sample, memory.draft(sample))
    assert memory.all(PairProposed)[-1].mentee == missed.participant


@pytest.mark.usefixtures("couple")
def test_a_partner_is_no_waiting_any_more(memory, sample, joining):
    joining(Role.MENTEE)
    memory.publish(sample, memory.draft(sample))
    [missed] = memory.all(RoundMissed)
    joining(Role.MENTOR)
    memory.publish(sample, memory.draft(sample))
    memory.accept_both(memory.all(PairProposed)[-1].pair)
    assert memory.state(candidate_stream(missed.participant)).rounds_waited == 0


def test_a_drafted_proposal_lapses_when_one_of_the_two_left_meanwhile(memory, sample, couple):
    round_id = memory.draft(sample)
    memory.hear(sample.withdrawn(couple[0]))
    memory.publish(sample, round_id)
    assert memory.all(PairProposed) == []
    assert len(memory.all(ProposalLapsed)) == 1
    assert [missed.participant for missed in memory.all(RoundMissed)] == [couple[1]]


def forbid(memory, sample, couple, how):
    subject = sample.subjects[couple[1]]
    changes = {"grade": 6} if how == "grade" else {"manager_chain": (subject,)}
    memory.hear(sample.profile(couple[0], Role.MENTOR, **changes))


@pytest.mark.parametrize("how", ["grade", "line"])
def test_a_drafted_proposal_lapses_when_a_rule_forbids_it_by_now(memory, sample, couple, how):
    round_id = memory.draft(sample)
    forbid(memory, sample, couple, how)
    memory.publish(sample, round_id)
    assert memory.all(PairProposed) == []
    assert len(memory.all(ProposalLapsed)) == 1


@pytest.mark.parametrize("how", ["grade", "line"])
def test_a_yes_to_what_a_rule_forbids_by_now_closes_the_proposal_and_frees_both(memory, sample, couple, pair, how):
    memory.answer(pair, Role.MENTOR, Answer.ACCEPTED)
    forbid(memory, sample, couple, how)
    memory.answer(pair, Role.MENTEE, Answer.ACCEPTED)
    assert memory.all(PairCreated) == []
    assert memory.state(pair_stream(pair)).state is State.CLOSED
    assert [places(memory, who) for who in couple] == [1, 1]


def test_nobody_answers_in_a_closed_program(memory, sample, pair):
    memory.answer(pair, Role.MENTOR, Answer.ACCEPTED)
    memory.hear(sample.program_closed)
    with pytest.raises(ProgramNotOpen):
        memory.answer(pair, Role.MENTEE, Answer.ACCEPTED)
    assert memory.all(PairCreated) == []


def test_who_was_freed_goes_before_a_newcomer(memory, couple, pair):
    memory.answer(pair, Role.MENTOR, Answer.DECLINED)
    assert [memory.state(candidate_stream(who)).rounds_waited for who in couple] == [1, 1]


def test_who_leaves_closes_an_open_proposal_and_frees_the_other_at_once(memory, sample, couple, pair):
    memory.hear(sample.withdrawn(couple[1]))
    assert len(memory.all(ProposalClosed)) == 1
    assert places(memory, couple[0]) == 1
    assert memory.all(EndDue) == []
    with pytest.raises(ProposalIsClosed):
        memory.answer(pair, Role.MENTOR, Answer.ACCEPTED)


def test_who_leaves_a_pair_frees_the_other_at_once_and_the_pair_ends_in_the_hours_batch(memory, sample, couple, pair):
    memory.accept_both(pair)
    version = memory.version(pair_stream(pair))
    at = memory.log[-1].at + timedelta(minutes=20)
    memory.hear(sample.withdrawn(couple[0]), at=at)
    assert places(memory, couple[1]) == 1
    assert memory.version(pair_stream(pair)) == version
    [due] = memory.all(EndDue)
    assert due.due_at == next_full_hour(at)
    memory.run(commands.end_pair(pair, now=due.due_at))
    assert len(memory.all(PairEnded)) == 1
    assert places(memory, couple[0]) == 0


def test_a_request_for_another_match_shows_nowhere_until_the_hours_batch(memory, sample, couple, pair):
    memory.accept_both(pair)
    before = [memory.version(stream) for stream in (pair_stream(pair), *map(candidate_stream, couple))]
    events = memory.hear(sample.rematch(pair))
    assert [type(event) for event in events] == [EndDue]
    assert str(couple[0]) not in events[0].model_dump_json()
    after = [memory.version(stream) for stream in (pair_stream(pair), *map(candidate_stream, couple))]
    assert after == before
    assert [places(memory, who) for who in couple] == [0, 0]


def test_only_the_end_returns_the_two_and_never_to_each_other(memory, sample, couple, pair):
    memory.accept_both(pair)
    memory.hear(sample.rematch(pair))
    events = memory.run(commands.end_pair(pair, now=memory.all(EndDue)[0].due_at))
    assert [type(event) for event in events] == [PairEnded, PartnerReleased, PartnerReleased]
    assert [places(memory, who) for who in couple] == [1, 1]
    assert memory.state(round_stream(memory.draft(sample))).proposals == {}


def test_a_pair_ends_once_however_many_asked_and_left(memory, sample, couple, pair):
    memory.accept_both(pair)
    memory.hear(sample.rematch(pair))
    memory.hear(sample.rematch(pair))
    memory.hear(sample.withdrawn(couple[0]))
    assert len(memory.all(EndDue)) == 1
    due = memory.all(EndDue)[0].due_at
    memory.run(commands.end_pair(pair, now=due))
    assert memory.run(commands.end_pair(pair, now=due)) == []
    assert places(memory, couple[1]) == 1


def test_every_kind_of_end_leaves_the_same_version_behind(begin_anew):
    versions = []
    for ends in ("rematch", "withdrawal"):
        memory, sample, joining = begin_anew()
        couple = joining(Role.MENTOR), joining(Role.MENTEE)
        memory.publish(sample, memory.draft(sample))
        [proposed] = memory.all(PairProposed)
        memory.accept_both(proposed.pair)
        memory.hear(sample.rematch(proposed.pair) if ends == "rematch" else sample.withdrawn(couple[0]))
        memory.run(commands.end_pair(proposed.pair, now=memory.all(EndDue)[0].due_at))
        versions.append(memory.version(pair_stream(proposed.pair)))
    assert versions[0] == versions[1]


def test_a_request_about_a_pair_that_does_not_exist_any_more_does_nothing(memory, sample, couple, pair):
    assert memory.hear(sample.rematch(pair)) == []
    memory.answer(pair, Role.MENTOR, Answer.DECLINED)
    assert memory.hear(sample.rematch(pair)) == []
    assert memory.state(ending_stream(pair)).due_at is None


@pytest.mark.usefixtures("couple")
def test_two_rounds_never_hold_one_place_twice(memory, sample):
    first = memory.draft(sample)
    memory.mark_published(sample, first)
    second = memory.draft(sample)  # before the first one's proposals are out
    memory.mark_published(sample, second)
    memory.follow_up(first)
    memory.follow_up(second)
    assert len(memory.all(PairProposed)) == 1
    assert len(memory.all(ProposalLapsed)) == 1
    assert len(memory.all(PartnerReserved)) == 2


@pytest.mark.parametrize(
    ("minutes", "hours"), [(0, 1), (1, 1), (59, 1), (60, 2)], ids=["on the hour", "after it", "before it", "next one"]
)
def test_an_end_is_due_at_the_next_full_hour(minutes, hours):
    assert next_full_hour(NOON + timedelta(minutes=minutes, seconds=0)) == NOON + timedelta(hours=hours)
