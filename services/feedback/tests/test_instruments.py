"""The questions and what their forms promise."""

import pytest

from events.contracts.kinds import Role
from feedback.domain.instruments import BASELINE, CURRENT, EDITIONS, PULSE, RATINGS, Thresholds, instrument, promise


def test_the_baseline_asks_seven_items_of_each_role_which_sum_to_35():
    for questions in CURRENT[BASELINE].questions.values():
        assert len(questions) * max(RATINGS) == 35
    mentor, mentee = (CURRENT[BASELINE].questions[role] for role in (Role.MENTOR, Role.MENTEE))
    assert list(mentor) == list(mentee)
    assert not set(mentor.values()) & set(mentee.values())


def test_the_pulse_is_short_and_asks_both_sides_for_their_satisfaction():
    for questions in CURRENT[PULSE].questions.values():
        assert len(questions) <= 4
        assert "satisfaction" in questions


@pytest.mark.parametrize("each", EDITIONS.values(), ids=lambda each: f"{each.name} {each.edition}")
def test_every_edition_stays_readable_for_both_roles(each):
    assert instrument(each.name, each.edition) is each
    assert set(each.questions) == set(Role)


def test_the_current_edition_is_the_newest():
    for name, current in CURRENT.items():
        assert current.edition == max(edition for known, edition in EDITIONS if known == name)


def test_a_promise_states_the_thresholds_it_is_made_from():
    text = promise(Thresholds(ratings=7, comments=13))
    assert "at least 7 people" in text
    assert "at least 13 people" in text
