"""The sign-up file: what goes in, and what a person is told who sent something else."""

import csv
import io
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from enrollment.signup_file import COLUMNS, RefusedRow, Rules, SignUp, Unreadable, chain_above, circles, read
from events.contracts.kinds import Role

RULES = Rules(
    regions=("EMEA", "Americas"),
    dividing_grade=3,
    grade_ladder=("Associate", "Senior", "Director", "Vice President", "Executive"),
)
ROW = {
    "external_id": "e-104",
    "given_name": "Ada",
    "family_name": "Byron",
    "email": "ada@example.com",
    "role": "auto",
    "grade": "1",
    "unit": "Data",
    "location": "Berlin",
    "country": "Germany",
    "region": "EMEA",
    "time_zone": "Europe/Berlin",
    "working_hours": "09:00-17:30",
    "languages": "de;en",
    "manager_id": "e-7",
    "capacity": "2",
    "offers": "tiktok:5;data analysis:3",
    "seeks": "strategy",
    "identity": "",
    "identity_wish": "",
}


def file_of(*rows: dict[str, str], columns: Iterable[str] = COLUMNS, end: str = "\n", quoting: int = 0) -> bytes:
    columns = list(columns)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return out.getvalue().encode()


def read_all(file: bytes, **kwargs) -> list[SignUp | RefusedRow]:
    return list(read([file], RULES, **kwargs))


def only(file: bytes) -> SignUp | RefusedRow:
    (row,) = read_all(file)
    return row


def problem_of(**cells: str) -> tuple[str | None, str]:
    row = only(file_of(ROW | cells))
    assert isinstance(row, RefusedRow), row
    (problem,) = row.problems
    assert problem.line == 2
    return problem.column, problem.message


def test_a_good_row_becomes_a_sign_up():
    row = only(file_of(ROW | {"identity": "woman in tech", "identity_wish": "same"}))

    assert row == SignUp(
        line=2,
        external_id="e-104",
        given_name="Ada",
        family_name="Byron",
        email="ada@example.com",
        role=Role.MENTOR,
        role_is_automatic=True,
        grade=1,
        unit="Data",
        location="Berlin",
        country="Germany",
        region="EMEA",
        time_zone="Europe/Berlin",
        working_hours="09:00-17:30",
        languages=("de", "en"),
        manager_id="e-7",
        capacity=2,
        offers={"tiktok": 5, "data analysis": 3},
        seeks={"strategy": 3},
        identity="woman in tech",
        identity_wish="same",
    )


def test_what_is_left_empty_gets_its_default():
    row = only(file_of(ROW | {"working_hours": "", "capacity": "", "manager_id": "", "unit": ""}))

    assert isinstance(row, SignUp)
    assert (row.working_hours, row.capacity, row.manager_id, row.unit) == ("09:00-17:00", 1, None, "")
    assert (row.identity, row.identity_wish) == (None, None)


def test_columns_with_a_default_may_be_absent_and_stand_in_any_order():
    columns = [name for name in reversed(COLUMNS) if name not in ("capacity", "working_hours", "identity")]

    assert isinstance(only(file_of(ROW, columns=columns)), SignUp)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_end_are_read(end):
    file = b"\xef\xbb\xbf" + file_of(ROW, ROW | {"external_id": "e-105"}, end=end)

    assert [(type(row), row.line) for row in read_all(file)] == [(SignUp, 2), (SignUp, 3)]


def test_headings_are_read_whatever_their_case_and_spaces():
    assert isinstance(only(file_of(ROW).replace(b"external_id,given_name", b" External ID ,Given-Name")), SignUp)


def test_empty_columns_at_the_end_do_no_harm():
    lines = file_of(ROW).split(b"\n")

    assert isinstance(only(b",,\n".join(lines[:2])), SignUp)


def test_other_headings_are_read_by_a_mapping():
    file = file_of(ROW).replace(b"external_id,", b"Personalnummer,")

    assert isinstance(read_all(file, headings={"personalnummer": "external_id"})[0], SignUp)


def test_a_line_is_counted_where_its_row_starts_though_cells_run_over_several():
    first = ROW | {"unit": 'Data\nand "New"\nWork'}

    row, bad, last = read_all(file_of(first, ROW | {"external_id": ""}, ROW | {"external_id": "e-105"}))

    assert isinstance(row, SignUp)
    assert (row.line, row.unit) == (2, 'Data and "New" Work')
    assert isinstance(bad, RefusedRow)
    assert bad.problems[0].line == 5
    assert last.line == 6


def test_empty_rows_are_no_people():
    file = file_of(ROW) + b"\r\n" + b"," * 18 + b"\n" + file_of(ROW | {"external_id": "e-105"}).split(b"\n", 1)[1]

    assert [row.line for row in read_all(file)] == [2, 5]


def test_cells_beyond_the_heading_do_no_harm_when_they_are_empty():
    assert isinstance(only(file_of(ROW).rstrip(b"\n") + b",,,\n"), SignUp)


@pytest.mark.parametrize(
    ("cells", "column", "message"),
    [
        ({"external_id": " "}, "external_id", "empty"),
        ({"external_id": "x" * 101}, "external_id", "at most 100"),
        ({"given_name": ""}, "given_name", "empty"),
        ({"family_name": "A\x00B"}, "family_name", "U+0000"),
        ({"email": "ada at example"}, "email", "name@example.com"),
        ({"email": "ada@example"}, "email", "name@example.com"),
        ({"role": "boss"}, "role", "mentor, mentee or auto"),
        ({"grade": "6"}, "grade", "from 1 to 5 or one of Associate"),
        ({"grade": "0"}, "grade", "from 1 to 5"),
        ({"grade": "Chief"}, "grade", "“Chief” is no grade"),
        ({"grade": "²"}, "grade", "no grade"),
        ({"region": "APAC"}, "region", "EMEA, Americas"),
        ({"time_zone": "Europe/Berln"}, "time_zone", "Is it Europe/Berlin?"),
        ({"time_zone": "../../etc/passwd"}, "time_zone", "no IANA time zone"),
        ({"working_hours": "nine to five"}, "working_hours", "09:00-17:30"),
        ({"working_hours": "17:00-09:00"}, "working_hours", "end before they begin"),
        ({"working_hours": "09:00-25:00"}, "working_hours", "Hours go to 23"),
        ({"languages": ""}, "languages", "At least one"),
        ({"languages": "de;xx"}, "languages", "“xx” is no language tag"),
        ({"languages": "klingonish"}, "languages", "no language tag"),
        ({"languages": "und"}, "languages", "no language tag"),
        ({"manager_id": "e-104"}, "manager_id", "reports to themselves"),
        ({"capacity": "0"}, "capacity", "1, 2 or 3"),
        ({"capacity": "two"}, "capacity", "1, 2 or 3"),
        ({"capacity": "4"}, "capacity", "mentor has at most 3"),
        ({"capacity": "3", "role": "mentee"}, "capacity", "mentee has at most 2"),
        ({"offers": ""}, "offers", "At least one topic"),
        ({"offers": "tiktok:6"}, "offers", "level from 1 to 5"),
        ({"offers": "tiktok:"}, "offers", "level from 1 to 5"),
        ({"offers": ":4"}, "offers", "no topic"),
        ({"seeks": "Data  Analysis:2;data analysis"}, "seeks", "“data analysis” is there twice"),
        ({"seeks": ";".join(f"topic {n}" for n in range(21))}, "seeks", "at most 20"),
        ({"seeks": "x" * 61}, "seeks", "at most 60"),
        ({"identity": "x" * 121}, "identity", "at most 120"),
    ],
)
def test_a_bad_cell_is_told_by_line_column_and_how_to_mend_it(cells, column, message):
    told_column, told = problem_of(**cells)

    assert told_column == column
    assert message in told


def test_all_that_is_wrong_with_a_row_is_told_at_once():
    row = only(file_of(ROW | {"email": "", "region": "Mars", "grade": "99"}))

    assert isinstance(row, RefusedRow)
    assert [problem.column for problem in row.problems] == ["email", "grade", "region"]
    assert (row.external_id, row.manager_id) == ("e-104", "e-7")


@pytest.mark.parametrize(
    ("grade", "rank", "role"),
    [("2", 2, Role.MENTOR), ("3", 3, Role.MENTEE), ("senior", 2, Role.MENTOR), ("Executive", 5, Role.MENTEE)],
)
def test_auto_makes_a_mentee_from_the_dividing_grade_on(grade, rank, role):
    row = only(file_of(ROW | {"grade": grade}))

    assert isinstance(row, SignUp)
    assert (row.grade, row.role, row.role_is_automatic) == (rank, role, True)


def test_a_role_that_is_written_out_holds_whatever_the_grade():
    row = only(file_of(ROW | {"grade": "5", "role": "Mentor"}))

    assert isinstance(row, SignUp)
    assert (row.role, row.role_is_automatic) == (Role.MENTOR, False)


def test_topics_are_whole_terms_without_outer_space_and_case():
    row = only(file_of(ROW | {"offers": "  TikTok :5; Data   ANALYSIS;c++:2;ratio 3:1:4"}))

    assert isinstance(row, SignUp)
    assert row.offers == {"tiktok": 5, "data analysis": 3, "c++": 2, "ratio 3:1": 4}


def test_tags_of_languages_get_their_usual_spelling():
    row = only(file_of(ROW | {"languages": "EN-gb; deu;pt_BR;de"}))

    assert isinstance(row, SignUp)
    assert row.languages == ("en-GB", "de", "pt-BR")


def test_the_second_row_of_one_person_is_refused_and_names_the_first():
    first, second, third = read_all(file_of(ROW, ROW | {"unit": "Sales"}, ROW | {"email": ""}))

    assert isinstance(first, SignUp)
    assert isinstance(second, RefusedRow)
    assert "line 2" in second.problems[0].message
    assert isinstance(third, RefusedRow)
    assert [problem.column for problem in third.problems] == ["email", "external_id"]


def test_a_bad_first_row_still_makes_the_second_of_that_person_a_duplicate():
    _, second = read_all(file_of(ROW | {"email": ""}, ROW))

    assert isinstance(second, RefusedRow)


def test_a_row_with_too_few_or_too_many_cells_is_numbered_and_the_next_goes_in():
    good = file_of(ROW).split(b"\n")[1]
    file = file_of() + b"a,b,c\n" + good + b",more\n" + good + b"\n"

    few, many, row = read_all(file)

    assert isinstance(few, RefusedRow)
    assert few.problems[0].message.startswith("This row has 3 cells and the heading has 19")
    assert isinstance(many, RefusedRow)
    assert "20 cells" in many.problems[0].message
    assert isinstance(row, SignUp)


@pytest.mark.parametrize("opened", [b'"e-1,Ada', b'e-1,5" disk', b'e-1,"Ada" Byron, "'])
def test_a_quotation_mark_that_never_closes_costs_one_row(opened):
    good = [file_of(ROW | {"external_id": f"p-{n}", "unit": 'a "b"'}).split(b"\n")[1] for n in range(150)]
    file = file_of() + opened + b"\n" + b"\n".join(good)

    bad, *rows = read_all(file)

    assert isinstance(bad, RefusedRow)
    assert "quotation mark" in bad.problems[0].message
    assert [row.line for row in rows if isinstance(row, SignUp)] == list(range(3, 153))


def test_two_unclosed_quotation_marks_do_not_hide_the_rows_between_them():
    good = file_of(ROW).split(b"\n")[1]
    file = file_of() + b'x,"Ada,y\n' + good + b'\nx,"Ada,y\n'

    assert [(row.line, type(row)) for row in read_all(file)] == [(2, RefusedRow), (3, SignUp), (4, RefusedRow)]


def test_an_endless_line_is_one_bad_row():
    good = file_of(ROW).split(b"\n")[1]
    file = file_of() + b"x" * 200_000 + b"\r\n" + good + b"\r\n"
    pieces = [file[start : start + 1000] for start in range(0, len(file), 1000)]

    for chunks in ([file], pieces):
        bad, row = read(chunks, RULES)
        assert isinstance(bad, RefusedRow)
        assert "longer than" in bad.problems[0].message
        assert (row.line, type(row)) == (3, SignUp)


def test_a_row_that_is_not_utf_8_is_numbered():
    latin = file_of(ROW | {"given_name": "Zoë"}).decode().encode("latin-1")

    row = only(latin)

    assert isinstance(row, RefusedRow)
    assert "UTF-8" in row.problems[0].message


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (file_of(ROW).decode().encode("utf-16"), "UTF-8"),
        (file_of(ROW).decode().encode("utf-16-le"), "UTF-8"),
        (file_of(ROW).replace(b",", b";"), "semicolons"),
        (file_of(ROW).replace(b",", b"\t"), "tabs"),
        (file_of(ROW, columns=[c for c in COLUMNS if c != "manager_id"]), "manager_id is missing"),
        (file_of(ROW, columns=[*COLUMNS, "email"]), "email is there 2 times"),
        (file_of(ROW, columns=[*COLUMNS[:-1], "identity wsh"]), "Is it identity_wish?"),
        (file_of(ROW, columns=[*COLUMNS, "salary"]), "Take it out"),
        (file_of(ROW, columns=["", *COLUMNS]), "Column 1 has no heading"),
    ],
)
def test_a_file_without_usable_columns_is_refused_as_a_whole(file, message):
    with pytest.raises(Unreadable) as refusal:
        read_all(file)

    assert message in str(refusal.value)
    assert refusal.value.problems[0].line == 1


def test_a_misspelt_heading_is_one_problem_and_not_two():
    with pytest.raises(Unreadable) as refusal:
        read_all(file_of(ROW).replace(b",email,", b",E-Mail,"))

    assert [(problem.column, problem.message) for problem in refusal.value.problems] == [
        ("E-Mail", "There is no column “E-Mail”. Is it email?")
    ]


def test_a_file_with_too_many_rows_says_from_where_it_was_not_read(monkeypatch):
    monkeypatch.setattr("enrollment.signup_file.sign_ups.MOST_ROWS", 2)

    *rows, last = read_all(file_of(*(ROW | {"external_id": f"e-{n}"} for n in range(4))))

    assert len(rows) == 2
    assert isinstance(last, RefusedRow)
    assert last.line == 4


def test_people_who_report_in_a_circle_are_found_and_those_below_are_not():
    manager_of = {"a": "b", "b": "c", "c": "a", "below": "a", "d": "top", "e": "e"}

    assert [set(circle) for circle in circles(manager_of)] == [{"a", "b", "c"}, {"e"}]


def test_a_chain_names_the_nearest_manager_first_and_ends():
    assert chain_above("a", {"a": "b", "b": "c"}) == ("b", "c")
    assert chain_above("c", {"a": "b", "b": "c"}) == ()
    assert len(chain_above(0, {n: n + 1 for n in range(1000)})) == 101


def in_pieces(file: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(file)) for cut in cuts} | {0, len(file)})
    return [file[start:end] for start, end in pairwise(places)]


AWKWARD = st.sampled_from(
    [b'"', b",", b"\n", b"\r", b"\r\n", b";", b":", b"\xff", b"\x00", b"e-1", b"\xc3", b"\xa9", b" ", b"mentor", b'""']
)


@settings(max_examples=400, deadline=None)
@given(st.lists(AWKWARD | st.binary(max_size=6), max_size=60).map(b"".join), st.lists(st.integers(0, 800), max_size=8))
@example(b'a"\n"', [])
@example(b"\r", [1])
def test_whatever_follows_the_heading_every_row_is_accepted_or_numbered(junk, cuts):
    good = file_of(ROW | {"external_id": "last"}).split(b"\n")[1]
    file = file_of(ROW) + junk + b"\n" + good + b"\n"

    rows = list(read(in_pieces(file, cuts), RULES))

    assert rows == list(read([file], RULES))
    assert isinstance(rows[0], SignUp)
    numbers = [row.line for row in rows]
    assert numbers == sorted(set(numbers))
    assert all(row.problems for row in rows if isinstance(row, RefusedRow))
    assert all(problem.line == row.line for row in rows if isinstance(row, RefusedRow) for problem in row.problems)
    # The last row cannot be swallowed, unless the junk legitimately opened a quoted cell that ends inside it.
    assert isinstance(rows[-1], SignUp)
    assert rows[-1].external_id == "last"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_no_bytes_at_all_make_the_reader_fail(file, cuts):
    with suppress(Unreadable):
        rows = list(read(in_pieces(file, cuts), RULES))
        assert all(row.problems for row in rows if isinstance(row, RefusedRow))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(COLUMNS), st.text(max_size=80), max_size=4))
def test_whatever_stands_in_the_cells_a_row_goes_in_clean_or_says_which_cell_to_mend(cells):
    row = only(file_of(ROW | cells, quoting=csv.QUOTE_ALL))

    if isinstance(row, RefusedRow):
        assert {problem.column for problem in row.problems} <= {*COLUMNS, None}
    else:
        assert row.region in RULES.regions
        assert 1 <= row.capacity <= 3
        assert row.offers
        assert row.seeks
        assert "\x00" not in repr(row)
