"""The engine against brute force and against rules that are checked from outside, on thousands of small problems."""

from dataclasses import replace
from datetime import date, datetime, time
from itertools import combinations, product
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.engine import Person, Policy, Prefer, Weights, explain, problem_of, solve, why_not

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "UTC"]
HOURS = ["09:00-17:00", "07:30-15:00", "12:00-20:30", "22:00-06:00"]
TOPICS = ["ai", "tiktok", "negotiation", "climate"]
REGIONS = ["emea", "apac", "americas"]
DATES = [date(2026, 3, 20), date(2026, 10, 28), date(2026, 7, 1)]  # two of them between two zones' changes of clock

levels = st.dictionaries(st.sampled_from(TOPICS), st.integers(1, 5), min_size=1, max_size=3)


@st.composite
def people(draw, prefix, grades, most):
    count = draw(st.integers(0, most))
    return [
        Person(
            subject=f"{prefix}{number}",
            grade=draw(grades),
            region=draw(st.sampled_from(REGIONS)),
            unit=draw(st.sampled_from(["sales", "legal"])),
            location=draw(st.sampled_from(["Berlin", "Pune"])),
            time_zone=draw(st.sampled_from(ZONES)),
            working_hours=draw(st.sampled_from(HOURS)),
            languages=draw(st.lists(st.sampled_from(["de", "en-GB", "en", "ja"]), min_size=1, max_size=2)),
            managers=draw(st.lists(st.sampled_from(["s0", "s1", "s2", "boss", "j0"]), max_size=2, unique=True)),
            offers=draw(levels),
            seeks=draw(levels),
            capacity=draw(st.integers(0, 3)),
            covered=draw(st.booleans()),
            waited=draw(st.integers(0, 2)),
            wish=draw(st.sampled_from([None, None, "x", "y"])),
        )
        for number in range(count)
    ]


@st.composite
def rounds(draw, prefer=None):
    seniors = draw(people("s", st.integers(4, 8), 3))
    juniors = draw(people("j", st.integers(1, 5), 4))
    pairs = list(product(range(len(seniors)), range(len(juniors))))
    return {
        "seniors": seniors,
        "juniors": juniors,
        "policy": Policy(
            minimum_grade_gap=draw(st.integers(1, 3)),
            minimum_overlap_minutes=draw(st.sampled_from([0, 60, 120])),
            prefer=prefer or draw(st.sampled_from(list(Prefer))),
            waiting_bonus=draw(st.sampled_from([0.0, 0.05])),
            weights=draw(st.sampled_from([Weights(), Weights(None, None, None), Weights(10, 1, 7)])),
        ),
        "on": draw(st.sampled_from(DATES)),
        "regions_may_meet": draw(st.sampled_from([None, [], [("apac", "emea")], [("emea", "mars")]])),
        "apart": draw(st.lists(st.sampled_from(pairs), max_size=3)) if pairs else [],
    }


def problem_from(round):
    return problem_of(
        round["seniors"],
        round["juniors"],
        round["policy"],
        on=round["on"],
        regions_may_meet=round["regions_may_meet"],
        apart=round["apart"],
    )


def above(person, everybody):
    chains = {p.subject: p.managers for p in everybody}
    found, frontier = set(), list(person.managers)
    while frontier:
        manager = frontier.pop()
        if manager not in found:
            found.add(manager)
            frontier += chains.get(manager, ())
    return found - {person.subject}


def shared_hours(one, other, on):
    """Counted minute by minute, from the clock on each wall."""

    def minutes(person):
        first, last = (time.fromisoformat(part) for part in person.working_hours.split("-"))
        zone = ZoneInfo(person.time_zone)
        ends_on = date.fromordinal(on.toordinal() + (last <= first))
        start = datetime.combine(on, first, zone).timestamp()
        end = datetime.combine(ends_on, last, zone).timestamp()
        return {minute % 1440 for minute in range(int(start) // 60, int(end) // 60)}

    return len(minutes(one) & minutes(other))


def breaks_a_rule(round, i, j):
    senior, junior, policy = round["seniors"][i], round["juniors"][j], round["policy"]
    everybody = round["seniors"] + round["juniors"]
    meet = round["regions_may_meet"]
    return (
        senior.grade - junior.grade < policy.minimum_grade_gap
        or senior.subject in above(junior, everybody)
        or junior.subject in above(senior, everybody)
        or not {tag[:2] for tag in senior.languages} & {tag[:2] for tag in junior.languages}
        or shared_hours(senior, junior, round["on"]) < policy.minimum_overlap_minutes
        or not (
            meet is None
            or senior.region == junior.region
            or (senior.region, junior.region) in meet
            or (junior.region, senior.region) in meet
        )
        or (i, j) in round["apart"]
    )


def points(round, i, j):
    senior, junior, policy = round["seniors"][i], round["juniors"][j], round["policy"]

    def helped(learner, teacher):
        wished = sum(learner.seeks.values())
        return sum(level / wished * teacher.offers.get(topic, 0) / 5 for topic, level in learner.seeks.items())

    g, h = helped(senior, junior), helped(junior, senior)
    weights = policy.weights
    return (
        (g * h) ** 0.5
        + policy.one_sided * (g + h)
        + 0.01 * (weights.other_unit or 0) * (senior.unit != junior.unit)
        + 0.01 * (weights.other_location or 0) * (senior.location != junior.location)
        + 0.01 * (weights.identity or 0) * (senior.wish is not None and senior.wish == junior.wish)
        + policy.waiting_bonus * (senior.waited + junior.waited)
    )


def worth(round, chosen):
    """What a matching is worth by the policy, as a tuple that compares."""
    value = sum(points(round, i, j) for i, j in chosen)
    if round["policy"].prefer is Prefer.SCORE:
        return (value,)
    seniors = {i for i, _ in chosen if not round["seniors"][i].covered}
    juniors = {j for _, j in chosen if not round["juniors"][j].covered}
    return (len(chosen), len(seniors) + len(juniors), value)


def within_capacity(round, chosen):
    return all(
        sum(1 for pair in chosen if pair[side] == index) <= person.capacity
        for side, group in enumerate((round["seniors"], round["juniors"]))
        for index, person in enumerate(group)
    )


def best_by_brute_force(round):
    possible = [
        (i, j)
        for i, j in product(range(len(round["seniors"])), range(len(round["juniors"])))
        if not breaks_a_rule(round, i, j)
    ]
    return max(
        (
            worth(round, chosen)
            for size in range(len(possible) + 1)
            for chosen in combinations(possible, size)
            if within_capacity(round, chosen)
        ),
    )


@settings(deadline=None, max_examples=250)
@given(rounds())
def test_no_hard_rule_is_ever_broken_and_no_capacity_exceeded(round):
    matching = solve(problem_from(round))
    chosen = list(zip(matching.mentees.tolist(), matching.mentors.tolist(), strict=True))
    assert len(set(chosen)) == len(chosen)
    assert within_capacity(round, chosen)
    assert [pair for pair in chosen if breaks_a_rule(round, *pair)] == []


@settings(deadline=None, max_examples=250)
@given(rounds())
def test_a_matching_is_as_good_as_the_best_that_brute_force_finds(round):
    matching = solve(problem_from(round))
    chosen = list(zip(matching.mentees.tolist(), matching.mentors.tolist(), strict=True))
    assert worth(round, chosen) == pytest.approx(best_by_brute_force(round), abs=1e-9)
    assert matching.value == pytest.approx(sum(points(round, *pair) for pair in chosen))
    assert matching.bound == matching.value


@settings(deadline=None, max_examples=100)
@given(rounds())
def test_contributions_sum_to_the_score_and_scores_to_the_value(round):
    problem = problem_from(round)
    matching = solve(problem)
    explained = explain(problem, matching, round["seniors"], round["juniors"])
    for pair, score in zip(explained, matching.scores.tolist(), strict=True):
        assert sum(pair.contributions.values()) == pytest.approx(pair.score)
        assert pair.score == pytest.approx(score)
        assert pair.score == pytest.approx(points(round, pair.mentee, pair.mentor))
        assert pair.overlap_minutes >= round["policy"].minimum_overlap_minutes
        assert pair.languages
    assert sum(pair.score for pair in explained) == pytest.approx(matching.value)


@settings(deadline=None, max_examples=100)
@given(rounds())
def test_everybody_is_either_covered_or_matched_or_told_why_not(round):
    problem = problem_from(round)
    matching = solve(problem)
    left = {(reason.side.value, reason.index) for reason in why_not(problem, matching)}
    seniors = {("mentee", i) for i, p in enumerate(round["seniors"]) if not p.covered} - {
        ("mentee", i) for i in matching.mentees.tolist()
    }
    juniors = {("mentor", j) for j, p in enumerate(round["juniors"]) if not p.covered} - {
        ("mentor", j) for j in matching.mentors.tolist()
    }
    assert left == seniors | juniors


@settings(deadline=None, max_examples=100)
@given(rounds())
def test_a_why_not_counts_what_each_rule_removes_for_that_person(round):
    problem = problem_from(round)
    for reason in why_not(problem, solve(problem)):
        if reason.side.value == "mentee":
            pairs = [(reason.index, j) for j in range(len(round["juniors"]))]
        else:
            pairs = [(i, reason.index) for i in range(len(round["seniors"]))]
        assert reason.others == len(pairs)
        assert reason.taken == sum(not breaks_a_rule(round, *pair) for pair in pairs)
        too_close = sum(
            round["seniors"][i].grade - round["juniors"][j].grade < round["policy"].minimum_grade_gap for i, j in pairs
        )
        assert reason.removed["grade_gap"] == too_close


@settings(deadline=None, max_examples=100)
@given(rounds())
def test_the_same_round_gives_the_same_matching_again(round):
    first, second = solve(problem_from(round)), solve(problem_from(round))
    assert np.array_equal(first.mentees, second.mentees)
    assert np.array_equal(first.mentors, second.mentors)


@settings(deadline=None, max_examples=100)
@given(rounds(prefer=Prefer.COVERAGE))
def test_whoever_waited_is_never_worse_off_in_points(round):
    without = solve(problem_from(round | {"policy": replace(round["policy"], waiting_bonus=0.0)}))
    bonus = solve(problem_from(round | {"policy": replace(round["policy"], waiting_bonus=0.05)}))
    assert len(bonus) == len(without)
    assert bonus.value >= without.value - 1e-9


@given(rounds())
@settings(max_examples=300)
def test_the_auction_for_large_rounds_comes_as_near_to_the_optimum_as_it_says(round):
    problem, epsilon = problem_from(round), 1e-5
    exact, found = solve(problem), solve(problem, epsilon=epsilon)
    slack = 2 * epsilon * int(problem.mentees.capacity.sum()) + 1e-4
    assert found.value >= exact.value - slack
    assert exact.value <= found.bound <= found.value + slack
    if problem.policy.prefer is Prefer.COVERAGE:
        assert made_happy(problem, found) == made_happy(problem, exact)


def made_happy(problem, matching):
    """Pairs, and people who had nobody."""
    new = [~problem.mentees.covered[np.unique(matching.mentees)], ~problem.mentors.covered[np.unique(matching.mentors)]]
    return len(matching) + sum(int(part.sum()) for part in new)
