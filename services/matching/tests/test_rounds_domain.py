"""Given a pool, when a round is drafted, then what it says is right, fits into events, and points at nobody."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from events.contracts.kinds import Role
from events.runtime.codec import LARGEST_EVENT, json_of
from events.runtime.refusals import NotFound
from matching import commands, drafting
from matching.domain.program import ProgramNotOpen, RoundInWork, UnknownRegion, check_may_run, program_stream
from matching.domain.round import (
    PART,
    Draft,
    Explanation,
    Figures,
    Proposal,
    ProposalsDrafted,
    RoundNotDraft,
    RoundPolicy,
    Unmatched,
    draft,
    round_stream,
)
from matching.drafting import RoundTooLarge
from matching.wording import explanation_text, why_not_reasons

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def test_a_round_needs_an_open_program(memory, sample):
    with pytest.raises(NotFound):
        memory.draft(sample)
    memory.hear(sample.program_opened)
    memory.draft(sample)
    memory.hear(sample.program_closed)
    with pytest.raises(ProgramNotOpen):
        memory.draft(sample)


@pytest.mark.usefixtures("joining")
def test_a_draft_is_not_published_in_a_program_that_was_closed_meanwhile(memory, sample):
    round_id = memory.draft(sample)
    memory.hear(sample.program_closed)
    with pytest.raises(ProgramNotOpen):
        memory.publish(sample, round_id)


@pytest.mark.usefixtures("joining")
def test_the_number_of_a_round_rises_and_there_is_one_at_a_time(memory, sample):
    first = memory.draft(sample)
    with pytest.raises(RoundInWork) as refused:
        memory.draft(sample)
    assert refused.value.extra == {"round": str(first)}
    memory.publish(sample, first)
    second = memory.draft(sample)
    numbers = [memory.state(round_stream(each)).drafted.number for each in (first, second)]
    assert numbers == [1, 2]


@pytest.mark.usefixtures("joining")
def test_a_round_is_published_or_discarded_once(memory, sample):
    round_id = memory.draft(sample)
    memory.publish(sample, round_id)
    expected = memory.version(round_stream(round_id))
    for command in (commands.publish, commands.discard):
        with pytest.raises(RoundNotDraft):
            memory.run(command(round_id, program_id=sample.program, now=NOON, actor=uuid4(), expected=expected))


@pytest.mark.usefixtures("joining")
def test_a_policy_may_name_only_regions_of_the_program(memory, sample):
    known = memory.state(program_stream(sample.program))
    check_may_run(known, {"emea", "apac"})
    with pytest.raises(UnknownRegion, match="mars"):
        check_may_run(known, {"emea", "mars"})


def test_too_many_people_for_one_round_are_a_named_refusal(memory, sample, joining, monkeypatch):
    joining(Role.MENTOR), joining(Role.MENTEE)
    monkeypatch.setattr(drafting, "LARGEST_ROUND", 0)
    with pytest.raises(RoundTooLarge):
        memory.draft(sample)


def test_contributions_sum_to_the_score_and_tell_nothing_of_identity(memory, sample, joining):
    identity = {"identity": "x", "wish": "yes"}
    joining(Role.MENTOR, identity=identity, unit="legal"), joining(Role.MENTEE, identity=identity)
    [proposal] = memory.state(round_stream(memory.draft(sample))).proposals.values()
    assert set(proposal.contributions) == {"both_ways", "topics", "waiting", "other_unit", "other_location"}
    assert sum(proposal.contributions.values()) == proposal.score


def test_an_explanation_says_the_same_of_wishes_whether_they_counted_or_not(memory, sample, joining):
    joining(Role.MENTOR, identity={"identity": "x", "wish": "yes"})
    joining(Role.MENTEE, identity={"identity": "x", "wish": "yes"}), joining(Role.MENTEE), joining(Role.MENTOR)
    proposals = memory.state(round_stream(memory.draft(sample))).proposals.values()
    assert len({str(proposal.contributions) for proposal in proposals}) == 1
    assert len({proposal.score for proposal in proposals}) == 1
    assert len({explanation_text(proposal.explanation) for proposal in proposals}) == 1


def test_figures_are_the_same_whether_a_wish_was_shared_or_not(begin_anew):
    figures = []
    for identity in (None, {"identity": "x", "wish": "yes"}):
        memory, sample, joining = begin_anew()
        joining(Role.MENTOR, identity=identity), joining(Role.MENTEE, identity=identity)
        figures.append(memory.state(round_stream(memory.draft(sample))).drafted.figures)
    assert figures[0] == figures[1]


def test_nobody_sets_the_weight_of_identity():
    with pytest.raises(ValueError, match="identity"):
        RoundPolicy.model_validate({"weights": {"identity": 2}})


@pytest.mark.parametrize("leaves", [True, False])
def test_the_line_of_who_is_paired_or_gone_keeps_others_apart(memory, sample, joining, leaves):
    top, boss = uuid4(), uuid4()
    between = joining(Role.MENTOR, subject=boss, manager_chain=(top,))
    if leaves:
        memory.hear(sample.withdrawn(between))
    else:
        joining(Role.MENTEE)
        memory.publish(sample, memory.draft(sample))
    joining(Role.MENTEE, subject=top), joining(Role.MENTOR, manager_chain=(boss,))
    assert memory.state(round_stream(memory.draft(sample))).proposals == {}


def test_an_explanation_reads_like_this():
    explanation = Explanation(
        mentor_teaches=("tiktok", "ai", "data"),
        mentee_teaches=("budgets",),
        languages=("de", "en"),
        overlap_minutes=390,
    )
    assert explanation_text(explanation) == (
        "The mentor can teach tiktok, ai and data. The mentee can teach budgets. "
        "Both speak de and en and share 6.5 working hours a day. Other wishes were taken into account."
    )


def unmatched(others, taken=0, **removed):
    counts = dict.fromkeys(("grade_gap", "reporting_line", "languages", "working_hours", "regions", "apart"), 0)
    return Unmatched(
        participant=uuid4(), role=Role.MENTEE, region="emea", others=others, removed=counts | removed, taken=taken
    )


def test_why_nots_below_five_are_merged_and_history_is_never_told_apart():
    reasons = why_not_reasons(unmatched(40, grade_gap=30, languages=4, apart=12, taken=3), RoundPolicy())
    assert [reason["reason"] for reason in reasons] == ["grade_gap", "other_wishes"]
    assert "30 of 40" in reasons[0]["sentence"]
    assert all(number not in str(reasons) for number in ("'4", " 4 ", "12", " 3 "))


def test_the_neutral_line_is_always_there_so_that_it_tells_nothing():
    with_history = why_not_reasons(unmatched(40, grade_gap=30, apart=1), RoundPolicy())
    without = why_not_reasons(unmatched(40, grade_gap=30), RoundPolicy())
    assert with_history == without


def test_somebody_who_lost_to_others_is_told_so():
    [taken, _] = why_not_reasons(unmatched(9, taken=9), RoundPolicy())
    assert (taken["reason"], taken["people"]) == ("taken", 9)


def test_nobody_on_the_other_side_is_a_reason_of_its_own():
    [reason] = why_not_reasons(unmatched(0), RoundPolicy())
    assert reason["reason"] == "nobody_there"


def big_draft(size):
    """As many proposals, each with the longest topics that a sign-up may have."""
    topics = tuple(letter * 80 for letter in "abc")
    languages = ("de", "en", "fr")
    explanation = Explanation(mentor_teaches=topics, mentee_teaches=topics, languages=languages, overlap_minutes=480)
    contributions = dict.fromkeys(("both_ways", "topics", "waiting", "other_wishes"), 1 / 3)
    proposals = tuple(
        Proposal(
            pair=UUID(int=2 * n),
            mentor=UUID(int=3 * n),
            mentee=UUID(int=5 * n),
            mentor_region="r" * 60,
            mentee_region="r" * 60,
            score=4 / 3,
            contributions=contributions,
            explanation=explanation,
        )
        for n in range(size)
    )
    left_out = tuple(unmatched(50_000, 50_000) for _ in range(size))
    figures = Figures(mentors=size, mentees=size, proposals=size, unmatched=size, value=1.0, bound=1.0)
    return Draft(on=NOON.date(), policy=RoundPolicy(), figures=figures, proposals=proposals, unmatched=left_out)


def test_a_big_round_is_split_into_events_that_the_broker_takes():
    made = big_draft(3 * PART + 1)
    events = draft(uuid4(), uuid4(), 1, made)
    for event in events:
        json_of(event)
        assert len(event.model_dump_json().encode()) < LARGEST_EVENT / 2
    assert sum(isinstance(event, ProposalsDrafted) for event in events) == 4
    state = round_stream(uuid4()).category.initial
    for event in events:
        state = round_stream(uuid4()).category.evolve(state, event)
    assert tuple(state.proposals.values()) == made.proposals
    assert state.unmatched == made.unmatched
