"""The engine against HiGHS, which solves the same as a linear program, at sizes that brute force cannot reach."""

from datetime import date

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from matching.engine import RULES, Person, Policy, Prefer, assignment, problem_of, solve
from matching.engine.rules import allowed, whole
from matching.engine.score import tile_scores

SIZE = 24
TOPICS = [f"topic {number}" for number in range(12)]


def crowd(seed):
    """Mentees and mentors with up to three places; a few favourites that everybody wants twice."""
    random = np.random.default_rng(seed)

    def topics():
        return {TOPICS[t]: int(random.integers(1, 6)) for t in random.choice(len(TOPICS), 3, replace=False)}

    def person(name, grade, places):
        return Person(
            subject=name,
            grade=int(grade),
            region="emea",
            languages=[str(random.choice(["de", "en", "fr"]))],
            offers=topics(),
            seeks=topics(),
            capacity=int(random.integers(1, places + 1)),
            covered=bool(random.random() < 0.2),
        )

    seniors = [person(f"s{i}", random.integers(4, 8), 2) for i in range(SIZE)]
    juniors = [person(f"j{i}", random.integers(1, 5), 3) for i in range(int(random.integers(SIZE // 2, SIZE)))]
    return seniors, juniors


def optimum(problem):
    """Best objective by linear programming: a variable a pair, and one a person for having somebody at all."""
    everybody = whole(problem.mentees), whole(problem.mentors)
    scores = tile_scores(problem, *everybody)
    possible = allowed(problem, *everybody, RULES)
    step = STEP if problem.policy.prefer is Prefer.COVERAGE else 0
    rows, columns = scores.shape
    of_row = csr_array(np.kron(np.eye(rows), np.ones(columns)))
    of_column = csr_array(np.kron(np.ones(rows), np.eye(columns)))
    degrees = vstack([of_row, of_column])
    people = rows + columns
    worth = np.concatenate([scores.ravel() + step, np.full(people, step)])
    limits = vstack(
        [
            hstack([degrees, csr_array((people, people))]),
            hstack([-degrees, eye_array(people)]),
        ]
    )
    capacity = np.concatenate([problem.mentees.capacity, problem.mentors.capacity])
    covered = np.concatenate([problem.mentees.covered, problem.mentors.covered])
    upper = np.concatenate([possible.ravel().astype(float), (~covered).astype(float)])
    found = linprog(
        -worth,
        A_ub=limits,
        b_ub=np.concatenate([capacity, np.zeros(people)]),
        bounds=np.stack([np.zeros(len(upper)), upper], axis=1),
        method="highs",
    )
    return -found.fun


STEP = 100.0


def objective(problem, matching):
    if problem.policy.prefer is Prefer.SCORE:
        return matching.value
    new = [~problem.mentees.covered[np.unique(matching.mentees)], ~problem.mentors.covered[np.unique(matching.mentors)]]
    return matching.value + STEP * (len(matching) + sum(int(part.sum()) for part in new))


@pytest.mark.parametrize("prefer", list(Prefer))
@pytest.mark.parametrize("seed", range(12))
def test_no_solver_finds_a_better_matching(seed, prefer):
    seniors, juniors = crowd(seed)
    problem = problem_of(seniors, juniors, Policy(prefer=prefer), on=date(2026, 11, 23))
    assert objective(problem, solve(problem)) == pytest.approx(optimum(problem), abs=1e-6)


def test_these_problems_do_tempt_slots_to_pair_the_same_two_twice(monkeypatch):
    gates = []
    original = assignment._made_twice

    def spying(pairs):
        found = original(pairs)
        gates.extend(found)
        return found

    monkeypatch.setattr(assignment, "_made_twice", spying)
    for seed in range(12):
        solve(problem_of(*crowd(seed), Policy(prefer=Prefer.SCORE), on=date(2026, 11, 23)))
    assert gates
