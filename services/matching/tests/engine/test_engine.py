"""What the engine does in cases that have a name."""

from datetime import date

import numpy as np
import pytest

from matching.engine import (
    RULES,
    BadProblem,
    Person,
    Policy,
    Prefer,
    ProblemTooLarge,
    Weights,
    problem_of,
    solve,
    solving,
    why_not,
)
from matching.engine.people import working_minutes

ON = date(2026, 11, 23)


def senior(name="s", **changes):
    return Person(**{"subject": name, "grade": 7, "region": "emea", "languages": ["en"]} | changes)


def junior(name="j", **changes):
    return Person(**{"subject": name, "grade": 2, "region": "emea", "languages": ["en"]} | changes)


def pairs_of(seniors, juniors, *, on=ON, apart=(), regions_may_meet=None, **policy):
    problem = problem_of(seniors, juniors, Policy(**policy), on=on, regions_may_meet=regions_may_meet, apart=apart)
    matching = solve(problem)
    return list(zip(matching.mentees.tolist(), matching.mentors.tolist(), strict=True))


def test_a_mentor_is_never_the_senior_of_the_two():
    assert pairs_of([senior(grade=2)], [junior(grade=7)]) == []


@pytest.mark.parametrize(("gap", "made"), [(4, True), (5, True), (6, False)])
def test_the_grade_gap_is_at_least_the_minimum(gap, made):
    assert bool(pairs_of([senior(grade=7)], [junior(grade=2)], minimum_grade_gap=gap)) is made


def test_nobody_mentors_somebody_above_them_at_any_depth():
    chain = ["m1", "m2", "m3", "m4", "s"]
    assert pairs_of([senior("s")], [junior(managers=chain)]) == []


def test_nobody_mentors_somebody_who_reports_to_them():
    assert pairs_of([senior("s", managers=["x", "j"])], [junior("j")]) == []


def test_a_chain_that_was_written_before_somebody_above_moved_is_completed():
    boss = senior("boss", managers=["top"], grade=6)
    assert pairs_of([senior("top")], [junior("j", managers=["boss"]), boss], minimum_grade_gap=1) == []


def test_the_line_of_somebody_who_is_in_no_round_completes_a_chain():
    problem = problem_of([senior("top")], [junior("j", managers=["boss"])], Policy(), on=ON, lines={"boss": ["top"]})
    assert len(solve(problem)) == 0


def test_a_cycle_of_managers_ends_and_keeps_them_apart():
    one, other = senior("s", managers=["j"]), junior("j", managers=["s"])
    assert pairs_of([one], [other]) == []


def test_nobody_is_their_own_mentor():
    assert pairs_of([senior("same", grade=7)], [junior("same", grade=2)]) == []


def test_two_varieties_of_one_language_understand_each_other():
    assert pairs_of([senior(languages=["en-GB"])], [junior(languages=["pt", "EN_us"])]) == [(0, 0)]
    assert pairs_of([senior(languages=["de"])], [junior(languages=["den"])]) == []


def test_more_languages_than_one_word_of_bits_holds():
    many = [f"q{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(130)]
    assert pairs_of([senior(languages=many)], [junior(languages=[many[-1]])]) == [(0, 0)]
    assert pairs_of([senior(languages=many[:129])], [junior(languages=[many[-1]])]) == []


@pytest.mark.parametrize(
    ("on", "shared"),
    [
        (date(2026, 3, 6), 60),  # New York on winter time, London too: 5 hours apart
        (date(2026, 3, 20), 120),  # New York has changed its clocks, London has not: 4 hours apart
        (date(2026, 4, 3), 60),
        (date(2026, 10, 28), 120),  # London has changed back, New York has not
        (date(2026, 11, 23), 60),
    ],
)
def test_hours_overlap_as_the_clocks_stand_on_the_rounds_date(on, shared):
    there = senior(time_zone="America/New_York", working_hours="08:00-16:00")
    here = junior(time_zone="Europe/London", working_hours="06:00-14:00")
    assert pairs_of([there], [here], on=on, minimum_overlap_minutes=shared) == [(0, 0)]
    assert pairs_of([there], [here], on=on, minimum_overlap_minutes=shared + 1) == []


def test_hours_are_shared_across_the_date_line():
    there = senior(time_zone="Pacific/Auckland", working_hours="09:00-17:00")
    here = junior(time_zone="America/Los_Angeles", working_hours="09:00-17:00")
    assert pairs_of([there], [here], on=ON, minimum_overlap_minutes=300) == [(0, 0)]
    assert pairs_of([there], [here], on=ON, minimum_overlap_minutes=301) == []


def test_a_night_shift_ends_on_the_next_day():
    assert working_minutes("UTC", "22:00-06:00", ON) == (1320, 1800)


@pytest.mark.parametrize(
    ("zone", "hours"), [("Mars/Olympus", "09:00-17:00"), ("UTC", "late"), ("../etc", "09:00-10:00")]
)
def test_an_unknown_zone_or_unreadable_hours_leave_somebody_unmatched_and_say_so(zone, hours):
    problem = problem_of([senior(time_zone=zone, working_hours=hours)], [junior()], Policy(), on=ON)
    matching = solve(problem)
    assert len(matching) == 0
    assert [reason.removed["working_hours"] for reason in why_not(problem, matching)] == [1, 1]


def test_regions_meet_only_where_the_program_lets_them():
    abroad = junior(region="apac")
    assert pairs_of([senior()], [abroad]) == [(0, 0)]
    assert pairs_of([senior()], [abroad], regions_may_meet=[]) == []
    assert pairs_of([senior()], [abroad], regions_may_meet=[("apac", "emea")]) == [(0, 0)]
    assert pairs_of([senior()], [junior()], regions_may_meet=[]) == [(0, 0)]


def test_two_who_are_kept_apart_are_not_paired():
    assert pairs_of([senior()], [junior("a"), junior("b")], apart=[(0, 0)]) == [(0, 1)]


def test_the_same_two_are_not_paired_twice_however_well_they_fit():
    fits = {"offers": {"ai": 5}, "seeks": {"ai": 5}}
    seniors = [senior("s", capacity=2, **fits)]
    juniors = [junior("j", capacity=3, **fits), junior("k", offers={"ai": 1}, seeks={"x": 1})]
    assert pairs_of(seniors, juniors) == [(0, 0), (0, 1)]
    assert pairs_of(seniors, juniors[:1]) == [(0, 0)]


def test_a_match_that_helps_one_side_only_is_worth_far_less():
    learner = senior(offers={"x": 1}, seeks={"ai": 5})
    one_sided = junior("a", offers={"ai": 5}, seeks={"y": 5})
    both = junior("b", offers={"ai": 3}, seeks={"x": 5})
    assert pairs_of([learner], [one_sided, both]) == [(0, 1)]


def test_coverage_comes_before_score():
    topics = {"offers": {"ai": 5}, "seeks": {"ai": 5}}
    seniors = [senior("s", region="emea", **topics), senior("t", region="apac", offers={"x": 1}, seeks={"y": 1})]
    juniors = [junior("j", region="emea", **topics), junior("k", region="latam", offers={"x": 1}, seeks={"y": 1})]
    may_meet = [("emea", "latam"), ("apac", "emea")]
    assert pairs_of(seniors, juniors, regions_may_meet=may_meet) == [(0, 1), (1, 0)]
    assert pairs_of(seniors, juniors, regions_may_meet=may_meet, prefer=Prefer.SCORE)[0] == (0, 0)


def test_everybody_gets_one_partner_before_anybody_gets_a_second():
    topics = {"offers": {"ai": 5}, "seeks": {"ai": 5}}
    star = junior("star", capacity=3, **topics)
    plain = junior("plain", offers={"x": 1}, seeks={"y": 1})
    pairs = pairs_of([senior("a", **topics), senior("b", **topics)], [star, plain])
    assert {mentor for _, mentor in pairs} == {0, 1}


def test_whoever_has_a_partner_already_steps_back_for_whoever_has_none():
    topics = {"offers": {"ai": 5}, "seeks": {"ai": 5}}
    has_one = senior("a", covered=True, **topics)
    has_none = senior("b", offers={"x": 1}, seeks={"y": 1})
    assert pairs_of([has_one, has_none], [junior(**topics)]) == [(1, 0)]


def test_whoever_waited_goes_first_among_equals():
    assert pairs_of([senior("a"), senior("b", waited=1)], [junior()]) == [(1, 0)]


def test_an_identity_counts_only_where_both_wished_it():
    shared = [junior("a"), junior("b", wish="x")]
    assert pairs_of([senior(wish="x")], shared) == [(0, 1)]
    problem = problem_of([senior(wish=None)], shared, Policy(), on=ON)
    assert solve(problem).value == solve(problem_of([senior()], shared[:1], Policy(), on=ON)).value


@pytest.mark.parametrize(("seniors", "juniors"), [([], []), ([senior()], []), ([], [junior()])])
def test_an_empty_side_gives_an_empty_draft(seniors, juniors):
    problem = problem_of(seniors, juniors, Policy(), on=ON)
    matching = solve(problem)
    assert (len(matching), matching.value, matching.bound) == (0, 0, 0)
    assert [reason.others for reason in why_not(problem, matching)] == [0] * (len(seniors) + len(juniors))


@pytest.mark.parametrize("level", [0, 6, float("nan")])
def test_a_level_out_of_range_is_refused_by_name(level):
    with pytest.raises(BadProblem, match="offers of mentors"):
        problem_of([senior()], [junior(offers={"ai": level})], Policy(), on=ON)


@pytest.mark.parametrize("weight", [0, 11])
def test_a_weight_out_of_range_is_refused_by_name(weight):
    with pytest.raises(BadProblem, match="identity"):
        Weights(identity=weight)


@pytest.mark.parametrize("changes", [{"one_sided": float("nan")}, {"waiting_bonus": 2.0}, {"minimum_grade_gap": 0}])
def test_a_policy_out_of_range_is_refused_by_name(changes):
    with pytest.raises(BadProblem, match=next(iter(changes))):
        Policy(**changes)


def test_a_problem_that_would_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr(solving, "LARGEST_SIDE", 1)
    with pytest.raises(ProblemTooLarge):
        solve(problem_of([senior("a"), senior("b")], [junior("c"), junior("d")], Policy(), on=ON))


def test_each_rule_counts_what_it_removed_and_has_a_sentence():
    problem = problem_of(
        [senior("s", grade=3), senior("t")], [junior("j"), junior("k", grade=1)], Policy(), on=ON, apart=[(1, 1)]
    )
    everybody = np.arange(2), np.arange(2)
    removed = {rule.name: rule.removed(problem, *everybody) for rule in RULES}
    assert removed == {
        "grade_gap": 1,
        "reporting_line": 0,
        "languages": 0,
        "working_hours": 0,
        "regions": 0,
        "apart": 1,
    }
    assert all(rule.sentence(problem.policy) for rule in RULES)
