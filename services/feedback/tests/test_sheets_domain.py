"""Sheets are opened by events, answered once, closed; leaving closes all that somebody holds."""

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import uuid4

import pytest

from events.contracts.kinds import Role
from events.runtime.refusals import NotFound, Refusal
from feedback import commands
from feedback.domain.instruments import BASELINE, CURRENT, PULSE
from feedback.domain.pair import PairBegan, PairOver, PulseTaken
from feedback.domain.participant import ParticipantLeft, SheetHandedOut
from feedback.domain.sheet import (
    AlreadyAnswered,
    Attributes,
    ItemsDoNotFit,
    SheetAnswered,
    SheetClosed,
    SheetIsClosed,
    SheetOpened,
    State,
)

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
HERE = Attributes(region="emea", unit="Sales")


def ratings_for(instrument, role, rating=4):
    return dict.fromkeys(CURRENT[instrument].questions[role], rating)


def answer(sheet, ratings, comment=None, now=NOON):
    return commands.answer_sheet(sheet, ratings, comment, attributes=HERE, author=uuid4(), now=now, expected=None)


def test_a_new_pair_is_asked_the_baseline_on_both_sides(memory, sample):
    memory.hear(sample.program_opened)
    events = memory.hear(sample.pair_created)
    assert [type(event) for event in events] == [PairBegan, SheetHandedOut, SheetOpened, SheetHandedOut, SheetOpened]
    opened = memory.all(SheetOpened)
    assert [(each.participant, each.role, each.instrument) for each in opened] == [
        (sample.mentor, Role.MENTOR, BASELINE),
        (sample.mentee, Role.MENTEE, BASELINE),
    ]
    assert {(each.rating_threshold, each.comment_threshold) for each in opened} == {(6, 12)}
    assert {each.due_at for each in opened} == {NOON + timedelta(days=14)}


def test_a_pair_waits_until_the_thresholds_of_its_program_are_known(memory, sample):
    with pytest.raises(NotFound):
        memory.hear(sample.pair_created)


def test_a_session_waits_until_its_pair_is_known(memory, sample):
    memory.hear(sample.program_opened)
    with pytest.raises(NotFound):
        memory.hear(sample.session_logged(1))


def test_the_baseline_is_asked_once_a_participant_however_many_pairs_they_are_in(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    second = sample.pair_created.model_copy(update={"pair": uuid4(), "mentee": uuid4()})
    assert [event.participant for event in memory.hear(second) if isinstance(event, SheetOpened)] == [second.mentee]


def test_a_session_asks_both_sides_how_it_was(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    events = memory.hear(sample.session_logged(2))
    assert isinstance(events[0], PulseTaken)
    opened = [event for event in events if isinstance(event, SheetOpened)]
    assert [(each.participant, each.instrument, each.number) for each in opened] == [
        (sample.mentor, PULSE, 2),
        (sample.mentee, PULSE, 2),
    ]


def test_hearing_anything_again_changes_nothing(memory, sample):
    told = [sample.program_opened, sample.pair_created, sample.session_logged(1), sample.mentor_withdrawn]
    told += [sample.pair_ended, sample.program_closed]
    assert all(memory.hear(event) for event in told)
    assert [memory.hear(event) for event in told] == [[]] * len(told)


def test_who_left_is_asked_nothing_and_the_other_side_still_is(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.mentor_withdrawn)
    memory.hear(sample.pair_created)
    memory.hear(sample.session_logged(1))
    assert [each.participant for each in memory.all(SheetOpened)] == [sample.mentee, sample.mentee]


def test_leaving_closes_every_open_sheet_at_once_and_leaves_answered_ones_alone(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    memory.hear(sample.session_logged(1))
    memory.hear(sample.session_logged(2))
    answered = memory.sheet(sample.mentor, 1)
    memory.run(answer(answered, ratings_for(PULSE, Role.MENTOR)))
    assert [type(event) for event in memory.hear(sample.mentor_withdrawn)] == [
        ParticipantLeft,
        SheetClosed,
        SheetClosed,
    ]
    states = {
        sheet: memory.state(commands.sheet_stream(sheet)).state
        for sheet in (
            answered,
            memory.sheet(sample.mentor, 2),
            memory.sheet(sample.mentor),
            memory.sheet(sample.mentee, 2),
        )
    }
    assert list(states.values()) == [State.ANSWERED, State.CLOSED, State.CLOSED, State.OPEN]


def test_the_end_of_a_pair_closes_what_was_asked_about_its_sessions_and_keeps_the_baseline(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    memory.hear(sample.session_logged(1))
    assert [type(event) for event in memory.hear(sample.pair_ended)] == [PairOver, SheetClosed, SheetClosed]
    baseline = memory.state(commands.sheet_stream(memory.sheet(sample.mentor)))
    assert baseline.state is State.OPEN


def test_a_session_heard_of_after_the_end_of_its_pair_is_not_asked_about(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    memory.hear(sample.pair_ended)
    assert memory.hear(sample.session_logged(1)) == []


def test_a_finished_program_asks_nothing_more(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.program_closed)
    memory.hear(sample.pair_created)
    assert memory.all(SheetOpened) == []


def test_an_answer_freezes_role_region_unit_and_the_day_in_utc(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    late_in_san_francisco = datetime(2027, 3, 5, 23, 30, tzinfo=timezone(timedelta(hours=-8)))
    ratings = ratings_for(BASELINE, Role.MENTEE)
    sheet = memory.sheet(sample.mentee)
    [answered] = memory.run(answer(sheet, ratings, "More time, please", now=late_in_san_francisco))
    assert isinstance(answered, SheetAnswered)
    assert (answered.role, answered.region, answered.unit) == (Role.MENTEE, "emea", "Sales")
    assert answered.day == date(2027, 3, 6)
    assert (answered.ratings, answered.comment) == (ratings, "More time, please")


def test_what_a_person_says_is_sealed_under_their_own_key():
    assert SheetAnswered.personal == {"unit": "author", "ratings": "author", "comment": "author"}


def test_an_answer_carries_no_correlation_to_a_person():
    command = answer(uuid4(), {})
    assert (command.correlation, command.causation) == (None, None)


def test_the_id_of_a_sheet_cannot_be_worked_out_from_who_is_asked_what(begin_anew, sample):
    told = [sample.program_opened, sample.pair_created, sample.session_logged(1)]
    stores = [begin_anew()[0] for _ in range(2)]
    for store in stores:
        for event in told:
            store.hear(event)
    first, second = ({opened.sheet for opened in store.all(SheetOpened)} for store in stores)
    assert len(first) == len(second) == 4
    assert not first & second


def test_a_sheet_is_answered_once(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    sheet = memory.sheet(sample.mentor)
    memory.run(answer(sheet, ratings_for(BASELINE, Role.MENTOR)))
    with pytest.raises(AlreadyAnswered):
        memory.run(answer(sheet, ratings_for(BASELINE, Role.MENTOR, 1)))


def test_a_late_answer_counts_until_the_sheet_closes(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    memory.hear(sample.session_logged(1))
    sheet = memory.sheet(sample.mentor, 1)
    other = memory.sheet(sample.mentee, 1)
    memory.run(answer(sheet, ratings_for(PULSE, Role.MENTOR), now=NOON + timedelta(days=60)))
    memory.hear(sample.pair_ended)
    with pytest.raises(SheetIsClosed):
        memory.run(answer(other, ratings_for(PULSE, Role.MENTEE)))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"craft": None}, "missing"),
        ({"charm": 3}, "unknown"),
        ({"craft": 6}, "not_from_1_to_5"),
        ({"craft": 0}, "not_from_1_to_5"),
    ],
)
def test_ratings_that_do_not_fit_the_sheet_are_named(memory, sample, change, named):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    ratings = {**ratings_for(BASELINE, Role.MENTOR), **change}
    ratings = {item: rating for item, rating in ratings.items() if rating is not None}
    with pytest.raises(ItemsDoNotFit) as refused:
        memory.run(answer(memory.sheet(sample.mentor), ratings))
    assert {name: items for name, items in refused.value.extra.items() if items} == {named: list(change)}


def test_a_sheet_that_was_never_opened_does_not_exist(memory):
    with pytest.raises(NotFound):
        memory.run(answer(uuid4(), {}))


def test_the_items_of_the_other_role_are_refused(memory, sample):
    memory.hear(sample.program_opened)
    memory.hear(sample.pair_created)
    memory.hear(sample.session_logged(1))
    with pytest.raises(Refusal):
        memory.run(answer(memory.sheet(sample.mentor, 1), ratings_for(PULSE, Role.MENTEE)))
