"""Who stands above whom: through the file and through people known before, never in a circle."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment.signup_file import (
    MOST_LEVELS,
    Problem,
    RefusedRow,
    Rules,
    SignUp,
    chain_above,
    circles,
    read_cells,
    settle,
    unshortened,
)

RULES = Rules(regions=("EMEA",), dividing_grade=3)
ADA = read_cells(
    {
        "external_id": "e-1",
        "given_name": "Ada",
        "family_name": "Byron",
        "email": "ada@example.com",
        "role": "mentor",
        "grade": "1",
        "region": "EMEA",
        "time_zone": "Europe/Berlin",
        "languages": "de",
        "offers": "tiktok",
        "seeks": "strategy",
    },
    RULES,
)


def row(line: int, person: str, manager: str | None = None) -> SignUp:
    assert isinstance(ADA, SignUp)
    return replace(ADA, line=line, external_id=person, manager_id=manager)


def bad_row(line: int, person: str, manager: str | None = None) -> RefusedRow:
    return RefusedRow(line, (Problem(line, "email", "It is empty."),), person, manager)


def settled(*rows: SignUp | RefusedRow, known: dict[str, str] | None = None) -> Any:
    known = known or {}
    people = {r.external_id for r in rows} | known.keys() | set(known.values())
    return settle(rows, {person: person for person in people if person}, known)


def test_a_chain_goes_through_the_file_and_through_known_people_nearest_first():
    found = settled(row(2, "a", "b"), row(3, "b", "c"), row(4, "z"), known={"c": "d", "d": "top"})

    assert found.chains == {"a": ("b", "c", "d", "top"), "b": ("c", "d", "top"), "z": ()}
    assert not found.refused


def test_the_file_counts_and_not_what_was_known_before():
    found = settled(row(2, "a", "b"), row(3, "b"), known={"a": "x", "b": "y", "y": "z"})

    assert found.chains == {"a": ("b",), "b": ()}


def test_a_manager_whom_nobody_knows_is_told_by_line():
    found = settled(row(2, "a", "nobody"), row(3, "b", "a"))

    assert [r.external_id for r in found.accepted] == ["b"]
    (refused,) = found.refused
    assert (refused.line, refused.problems[0].column) == (2, "manager_id")
    assert "“nobody”" in refused.problems[0].message


def test_a_bad_row_of_a_manager_refuses_nobody_below_and_leaves_no_gap_in_the_chain():
    found = settled(row(2, "a", "b"), bad_row(3, "b", "c"), row(4, "c"))

    assert found.chains == {"a": ("b", "c"), "c": ()}
    assert [r.line for r in found.refused] == [3]


def test_everyone_on_a_circle_is_refused_by_name_and_those_below_go_in():
    found = settled(row(2, "a", "b"), row(3, "b", "c"), row(4, "c", "a"), row(5, "below", "a"))

    assert [r.external_id for r in found.accepted] == ["below"]
    assert [r.line for r in found.refused] == [2, 3, 4]
    message = found.refused[0].problems[0].message
    assert "“a” (line 2) → “b” (line 3) → “c” (line 4) → “a” (line 2)" in message


def test_a_circle_through_somebody_known_before_is_refused_and_what_was_known_holds():
    found = settled(row(2, "a", "b"), row(3, "below", "a"), known={"b": "a", "a": "top"})

    assert [r.line for r in found.refused] == [2]
    assert "known already" in found.refused[0].problems[0].message
    assert found.chains == {"below": ("a", "top")}


def test_a_circle_that_appears_when_another_is_undone_is_refused_too():
    found = settled(row(2, "a", "c"), row(3, "c", "a"), row(4, "b", "a"), known={"a": "b"})

    assert [r.line for r in found.refused] == [2, 3, 4]
    assert not found.accepted


def test_a_long_circle_is_told_short():
    names = [f"p{n}" for n in range(30)]
    rows = [row(n + 2, person, names[(n + 1) % 30]) for n, person in enumerate(names)]

    message = settled(*rows).refused[0].problems[0].message

    assert "22 more" in message
    assert len(message) < 500


def test_more_levels_than_any_organisation_has_are_refused():
    depth = MOST_LEVELS + 2
    rows = [row(n + 2, f"p{n}", f"p{n + 1}" if n + 1 < depth else None) for n in range(depth)]

    found = settled(*rows)

    assert [r.line for r in found.refused] == [2]
    assert len(found.chains["p1"]) == MOST_LEVELS


def test_who_signs_themselves_up_keeps_the_manager_that_is_known():
    people = {person: person for person in ("a", "boss", "friend")}

    def alone(manager: str | None) -> Any:
        return settle([row(1, "a", manager)], people, {"a": "boss"}, own="a")

    assert alone(None).chains == alone("boss").chains == {"a": ("boss",)}
    for manager in ("friend", "whoever"):
        (refused,) = alone(manager).refused
        assert refused.problems[0].column == "manager_id"
    assert alone("friend").refused == alone("whoever").refused


def test_who_signs_themselves_up_first_says_who_their_manager_is():
    found = settle([row(1, "a", "boss")], {"a": "a", "boss": "boss"}, {}, own="a")
    silent = settle([row(1, "a")], {"a": "a", "boss": "boss"}, {}, own="a")
    at_the_top = settle([row(1, "a")], {"a": "a", "boss": "boss"}, {}, own="a", tops=["a"])

    assert found.chains == {"a": ("boss",)}
    assert "import you first" in silent.refused[0].problems[0].message
    assert at_the_top.chains == {"a": ()}


def test_a_bad_row_counts_only_where_nothing_is_known_of_its_person():
    found = settled(
        row(2, "a", "b"), bad_row(3, "b", "friend"), bad_row(4, "boss", "top"), row(5, "top"), known={"b": "boss"}
    )

    assert found.chains == {"a": ("b", "boss", "top"), "top": ()}
    assert found.learnt == {"boss": "top"}


def test_a_circle_through_somebody_known_leaves_what_was_known_of_them():
    found = settled(row(2, "a", "b"), row(3, "below", "b"), known={"b": "a", "a": "top"})

    assert found.chains == {"below": ("b", "a", "top")}


def test_a_chain_keeps_who_stood_above_its_end():
    assert unshortened("a", ("b",), ("b", "c", "top"), ()) == ("b", "c", "top")
    assert unshortened("a", ("x", "b"), ("b", "c"), ()) == ("x", "b", "c")
    assert unshortened("a", (), ("b", "c"), ()) == ("b", "c")
    assert unshortened("a", ("b",), ("b", "c", "top"), ("b",)) == ("b",)
    assert unshortened("a", ("x",), ("b", "c"), ()) == ("x",)
    assert unshortened("a", ("c", "b"), ("b", "c"), ()) == ("c", "b")


PEOPLE = st.sampled_from("abcdef")


@settings(deadline=None)
@given(st.dictionaries(PEOPLE, st.none() | PEOPLE), st.dictionaries(PEOPLE, PEOPLE), st.sets(PEOPLE))
def test_every_row_is_settled_once_and_nobody_stands_above_themselves(given_managers, known, bad):
    before = {person: manager for person, manager in known.items() if person < manager}
    rows = [
        (bad_row if person in bad else row)(line, person, manager)
        for line, (person, manager) in enumerate(given_managers.items(), start=2)
        if person != manager
    ]

    found = settle(rows, {person: person for person in "abcdef"}, before)

    lines = [r.line for r in found.accepted] + [r.line for r in found.refused]
    assert sorted(lines) == [r.line for r in rows]
    for accepted in found.accepted:
        chain = found.chains[accepted.external_id]
        assert accepted.external_id not in chain
        assert len(set(chain)) == len(chain)
        assert chain[:1] == ((accepted.manager_id,) if accepted.manager_id else ())


@settings(deadline=None)
@given(st.dictionaries(PEOPLE, PEOPLE))
def test_without_circles_every_way_up_ends(manager_of):
    on_a_circle = {person for circle in circles(manager_of) for person in circle}

    for person in "abcdef":
        endless = len(chain_above(person, manager_of)) > MOST_LEVELS
        reaches = person in on_a_circle or bool(set(chain_above(person, manager_of)) & on_a_circle)
        assert endless == reaches
