"""The auction that large problems are given to, beside the exact solver and, where they are larger, beside others."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from matching.engine import RULES, BadProblem, Policy, Prefer, large, problem_of, solve
from matching.engine.auction import Limits
from matching.engine.certificate import bound_of
from matching.engine.problem import People, Problem, Ragged
from matching.engine.rules import allowed, whole
from matching.engine.scanning import POSSIBLE, Scan
from matching.engine.score import tile_scores
from matching.engine.tables import tables_of

EPSILON = 1e-5


def enterprise(mentees: int, mentors: int, seed: int = 0, *, prefer=Prefer.SCORE, places: int = 1) -> Problem:
    """People with every property that a rule or a criterion reads, a deep organisation and some history."""
    random = np.random.default_rng(seed)

    def topics(people: int) -> Ragged:
        number = random.integers(3, 9, people)
        items = np.concatenate([random.choice(40, count, replace=False) for count in number])
        starts = np.concatenate([[0], np.cumsum(number)])
        return Ragged(starts, items.astype(np.int32), random.integers(1, 6, len(items)).astype(np.float64))

    def side(people: int, first_subject: int, grades: tuple[int, int]) -> People:
        start = (random.integers(-12, 13, people) * 60 + 540).astype(np.int32)
        lengths = random.integers(0, 4, people)
        above = random.integers(0, mentees + mentors, int(lengths.sum())).astype(np.int32)
        return People(
            grade=random.integers(*grades, people).astype(np.int32),
            region=random.integers(0, 40, people).astype(np.int32),
            unit=random.integers(0, 5, people).astype(np.int32),
            location=random.integers(0, 4, people).astype(np.int32),
            languages=(1 << random.integers(0, 60, (people, 2)).astype(np.uint64)) | np.uint64(random.random() < 0.5),
            from_minute=start,
            to_minute=start + random.integers(200, 900, people).astype(np.int32),
            subject=np.arange(first_subject, first_subject + people, dtype=np.int32),
            above=Ragged(np.concatenate([[0], np.cumsum(lengths)]), above, np.zeros(len(above))),
            offers=topics(people),
            seeks=topics(people),
            capacity=random.integers(0 if places > 1 else 1, places + 1, people).astype(np.int32),
            covered=random.random(people) < (0.2 if places > 1 else 0),
            waited=random.integers(0, 3, people).astype(np.int32),
            wish=random.integers(-1, 2, people).astype(np.int32),
        )

    seniors, juniors = side(mentees, 0, (4, 10)), side(mentors, mentees, (1, 7))
    seniors.languages[:, 0] |= np.uint64(1)
    juniors.languages[:, 0] |= np.where(random.random(mentors) < 0.7, 1, 0).astype(np.uint64)
    may_meet = random.random((40, 40)) < 0.8
    apart = random.integers(0, mentees, 3 * mentees), random.integers(0, mentors, 3 * mentees)
    return Problem(
        seniors, juniors, 40, mentees + mentors, may_meet | may_meet.T, apart, Policy(prefer=prefer, waiting_bonus=0.1)
    )


def matrix(problem: Problem):
    """Scores of allowed pairs, -inf elsewhere: in double precision, by the rules' own masks."""
    everybody = whole(problem.mentees), whole(problem.mentors)
    return np.where(allowed(problem, *everybody, RULES), tile_scores(problem, *everybody), -np.inf)


def made_happy(problem: Problem, matching) -> int:
    """Pairs, and people who had nobody."""
    new = [~problem.mentees.covered[np.unique(matching.mentees)], ~problem.mentors.covered[np.unique(matching.mentors)]]
    return len(matching) + sum(int(part.sum()) for part in new)


def must_be_allowed(problem: Problem, matching) -> None:
    scores = matrix(problem)[matching.mentees, matching.mentors]
    assert np.all(np.isfinite(scores))
    assert scores == pytest.approx(matching.scores)
    assert len(set(zip(matching.mentees.tolist(), matching.mentors.tolist(), strict=True))) == len(matching)
    assert np.all(np.bincount(matching.mentees, minlength=len(problem.mentees)) <= problem.mentees.capacity)
    assert np.all(np.bincount(matching.mentors, minlength=len(problem.mentors)) <= problem.mentors.capacity)


def compared(problem: Problem) -> None:
    exact, found = solve(problem), solve(problem, epsilon=EPSILON)
    must_be_allowed(problem, found)
    slack = 2 * EPSILON * int(problem.mentees.capacity.sum()) + 1e-4
    assert found.value >= exact.value - slack
    assert exact.value <= found.bound <= found.value + slack
    if problem.policy.prefer is Prefer.COVERAGE:
        assert made_happy(problem, found) == made_happy(problem, exact)


@pytest.mark.parametrize("prefer", list(Prefer))
@pytest.mark.parametrize("seed", range(8))
def test_several_places_on_both_sides_are_shared_out_as_the_exact_solver_does(seed, prefer):
    compared(enterprise(60, 50, seed, prefer=prefer, places=3))
    compared(enterprise(50, 70, seed, prefer=prefer, places=2))


def test_the_compiled_scan_says_of_every_pair_what_the_rules_and_the_score_say():
    problem = enterprise(150, 2100, places=2)
    tables = tables_of(problem)
    scan, width = Scan(tables), len(problem.mentors)
    rows = np.arange(150, dtype=np.int32)
    floors = np.full(150, POSSIBLE, np.float32)
    values, columns = scan.best(rows, np.zeros(scan.padded, np.float32), floors, width)
    told = np.full((150, width), -np.inf)
    for row in rows:
        known = columns[row] >= 0
        told[row, tables.mentor[columns[row, known]]] = values[row, known]
    expected = matrix(problem)
    assert 0.02 < np.isfinite(expected).mean() < 0.9
    np.testing.assert_array_equal(np.isfinite(told), np.isfinite(expected))
    np.testing.assert_allclose(told, expected, atol=2e-6)


@pytest.mark.parametrize("prefer", list(Prefer))
def test_a_few_thousand_people_are_matched_as_by_a_dense_assignment(prefer):
    problem = enterprise(1500, 1400, prefer=prefer)
    found = solve(problem, epsilon=0.0002)
    must_be_allowed(problem, found)
    scores = matrix(problem)
    possible = np.isfinite(scores)
    most = int((maximum_bipartite_matching(csr_array(possible)) >= 0).sum())
    step = 2.0 * most if prefer is Prefer.COVERAGE else 0.0
    worth = np.where(possible, scores + step, 0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    best = float(scores[rows, columns][worth[rows, columns] > 0].sum())
    assert found.value == pytest.approx(best, rel=0.0005)
    assert best <= found.bound
    if prefer is Prefer.COVERAGE:
        assert len(found) == most


def test_the_same_problem_has_the_same_result_on_any_number_of_threads():
    problem = enterprise(900, 700, prefer=Prefer.COVERAGE, places=2)
    first, *others = [solve(problem, epsilon=0.001, threads=threads) for threads in (1, 2, 5)]
    for other in others:
        np.testing.assert_array_equal(first.mentees, other.mentees)
        np.testing.assert_array_equal(first.mentors, other.mentors)
        assert (first.value, first.bound) == (other.value, other.bound)


def test_the_bound_holds_for_any_prices_and_tells_a_spoiled_matching():
    problem = enterprise(300, 320)
    tables, scores = tables_of(problem), matrix(problem)
    scan, random = Scan(tables), np.random.default_rng(1)
    ones = np.ones(300, np.int32), np.ones(320, np.int32)
    limits = Limits(np.zeros(300, np.int32), ones[0], np.zeros(320, np.int32), ones[1])
    found = solve(problem, epsilon=EPSILON)
    for prices in (np.zeros(320), random.random(320)):
        bound = bound_of(scan, limits, prices.astype(np.float32), 2.0)
        by_hand = np.maximum((scores[:, tables.mentor] - prices.astype(np.float32)).max(axis=1), 0).sum() + prices.sum()
        assert bound == pytest.approx(by_hand, abs=0.01)
        assert bound >= max(by_hand - 1e-4, found.value)
    spoiled = found.value - found.scores[:30].sum()
    assert found.bound - found.value < 0.01
    assert found.bound - spoiled > 1


def test_locked_pairs_are_made_and_the_rest_is_the_best_around_them():
    problem = enterprise(80, 90, prefer=Prefer.COVERAGE, places=2)
    with_places = np.flatnonzero(problem.mentees.capacity)[:3], np.flatnonzero(problem.mentors.capacity)[:3]
    locked = replace(problem, locked=with_places)
    for found in (solve(locked), solve(locked, epsilon=EPSILON)):
        made = set(zip(found.mentees.tolist(), found.mentors.tolist(), strict=True))
        assert set(zip(*(side.tolist() for side in with_places), strict=True)) <= made
        assert np.all(np.bincount(found.mentees, minlength=80) <= problem.mentees.capacity)
    assert made_happy(problem, solve(locked)) == made_happy(problem, solve(locked, epsilon=EPSILON))


@pytest.mark.parametrize(("mentees", "mentors"), [([0, 0], [0, 0]), ([0, 0], [0, 1])])
def test_a_pair_cannot_be_locked_twice_nor_beyond_somebodys_places(mentees, mentors):
    problem = replace(enterprise(4, 4), locked=(np.array(mentees), np.array(mentors)))
    with pytest.raises(BadProblem):
        solve(problem)


def test_a_bonus_keeps_pairs_of_the_draft_before_and_is_in_no_score():
    problem = enterprise(400, 420)
    before = solve(problem, epsilon=0.0005)
    changed = replace(problem, mentors=replace(problem.mentors, waited=np.roll(problem.mentors.waited, 7)))
    pairs = set(zip(before.mentees.tolist(), before.mentors.tolist(), strict=True))

    def stay(bonus: float) -> tuple[int, float, float]:
        policy = replace(problem.policy, keep_bonus=bonus)
        found = solve(replace(changed, policy=policy, kept=(before.mentees, before.mentors)), epsilon=0.0005)
        same = pairs & set(zip(found.mentees.tolist(), found.mentors.tolist(), strict=True))
        return len(same), found.value, found.bound

    (few, best, bound), (many, value, same_bound) = stay(0.0), stay(0.3)
    assert many > few
    assert value <= best + 0.01
    assert bound == pytest.approx(same_bound, abs=0.01)


def test_who_waits_for_the_result_hears_how_it_goes_and_may_give_up():
    heard = []

    def listen(looking: int, bids: int) -> None:
        heard.append((looking, bids))
        if len(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve(enterprise(600, 500, places=1), epsilon=0.0005, progress=listen)
    assert heard[0][1] > 0


@pytest.mark.parametrize("prefer", list(Prefer))
def test_nobody_and_nobody_allowed_are_no_trouble(prefer):
    nobody = problem_of([], [], Policy(prefer=prefer), on=date(2026, 11, 23))
    assert len(solve(nobody, epsilon=EPSILON)) == 0
    nothing_allowed = replace(enterprise(20, 20, prefer=prefer), may_meet=np.zeros((40, 40), bool))
    found = solve(nothing_allowed, epsilon=EPSILON)
    assert (len(found), found.value) == (0, 0)
    assert found.bound == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("epsilon", [0.0, -0.001, float("nan"), float("inf"), 1e-9, 2.0])
def test_an_epsilon_with_which_an_auction_would_not_end_or_say_nothing_is_refused(epsilon):
    with pytest.raises(BadProblem, match="epsilon"):
        solve(enterprise(4, 4), epsilon=epsilon)


@pytest.mark.parametrize("name", ["apart", "locked", "kept"])
def test_pairs_of_people_who_are_not_there_are_refused(name):
    with pytest.raises(BadProblem, match=name):
        replace(enterprise(4, 4), **{name: (np.array([1]), np.array([4]))})


def test_a_coverage_that_is_not_proved_is_not_given_out(monkeypatch):
    found = large.cover_of
    monkeypatch.setattr(large, "cover_of", lambda *given: found(*given)._replace(pairs=1))
    with pytest.raises(large.NotCovered):
        solve(enterprise(20, 20, prefer=Prefer.COVERAGE), epsilon=EPSILON)
