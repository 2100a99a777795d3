"""Rows of a sign-up file: each becomes a sign-up, or a numbered list of what to mend. Pure, and streaming."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from enrollment.signup_file import cells
from enrollment.signup_file.cells import Misfit, quoted
from enrollment.signup_file.heading import Heading, Problem, Unreadable, read_heading
from enrollment.signup_file.records import BrokenRecord, Record, records
from events.contracts.kinds import Role

MOST_ROWS = 100_000
MOST_BYTES = 64 * 1024 * 1024
MOST_PARTNERS: Mapping[Role, int] = {Role.MENTOR: 3, Role.MENTEE: 2}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a program says about its sign-ups."""

    regions: tuple[str, ...]
    dividing_grade: int
    """`auto` makes a mentee of this grade and above, a mentor below."""
    grade_ladder: tuple[str, ...] = ()
    """Names of the grades, the most junior (rank 1) first."""
    working_hours: str = "09:00-17:00"


@dataclass(frozen=True, slots=True)
class SignUp:
    """A row as it goes in."""

    line: int
    external_id: str
    given_name: str
    family_name: str
    email: str
    role: Role
    role_is_automatic: bool
    grade: int
    unit: str
    location: str
    country: str
    region: str
    time_zone: str
    working_hours: str
    languages: tuple[str, ...]
    manager_id: str | None
    capacity: int
    offers: Mapping[str, int]
    seeks: Mapping[str, int]
    identity: str | None = field(repr=False)
    identity_wish: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that does not go in."""

    line: int
    problems: tuple[Problem, ...]
    external_id: str | None = None
    """Where it can be read: others may report to this person, though the row is bad."""
    manager_id: str | None = None
    region: str | None = None


def read(
    chunks: Iterable[bytes], rules: Rules, headings: Mapping[str, str] | None = None
) -> Iterator[SignUp | RefusedRow]:
    """Every row of the file in order, good or bad. Raises Unreadable when the first row names no usable columns.

    `headings` maps a file's own column names to ours. Who reports to whom is not looked at here, since that takes all
    rows: see `reporting_lines`.
    """
    rows = records(chunks)
    heading = _heading(next(rows, None), headings or {})
    first_line_of: dict[str, int] = {}
    for count, row in enumerate(rows, start=1):
        if count > MOST_ROWS:
            message = f"The file has more than {MOST_ROWS:,} rows; from here on nothing was read. Split it in two."
            yield RefusedRow(row.line, (Problem(row.line, None, message),))
            return
        yield _once(_sign_up_or_problems(row, heading, rules), first_line_of)


def read_cells(row: Mapping[str, str], rules: Rules, line: int = 1) -> SignUp | RefusedRow:
    """One row whose cells are already told apart, by column name."""
    values: dict[str, Any] = {}
    problems = []
    for column, read_cell in _READERS.items():
        try:
            values[column] = read_cell(row.get(column, ""), rules)
        except Misfit as misfit:
            problems.append(Problem(line, column, str(misfit)))
    given = values.get("role")
    if "role" in values and "grade" in values:
        values["role"] = given or (Role.MENTEE if values["grade"] >= rules.dividing_grade else Role.MENTOR)
        problems += _capacity_problems(line, values)
    if values.get("manager_id") is not None and values["manager_id"] == values.get("external_id"):
        message = "This person reports to themselves. Write the manager's external_id, or leave it empty at the top."
        problems.append(Problem(line, "manager_id", message))
        values["manager_id"] = None
    if problems:
        known = {column: values.get(column) for column in ("external_id", "manager_id", "region")}
        return RefusedRow(line, tuple(problems), **known)
    return SignUp(line=line, role_is_automatic=given is None, **values)


def _heading(row: Record | BrokenRecord | None, headings: Mapping[str, str]) -> Heading:
    if row is None:
        raise Unreadable([Problem(1, None, "The file is empty. Its first row must name the columns.")])
    if isinstance(row, BrokenRecord):
        raise Unreadable([Problem(row.line, None, row.message)])
    if row.line == 1 and "\0" in "".join(row.cells):
        raise Unreadable([Problem(1, None, "The file is not UTF-8 text (UTF-16?). Save it as “CSV UTF-8”.")])
    return read_heading(row.line, row.cells, headings)


def _sign_up_or_problems(row: Record | BrokenRecord, heading: Heading, rules: Rules) -> SignUp | RefusedRow:
    if isinstance(row, BrokenRecord):
        return RefusedRow(row.line, (Problem(row.line, None, row.message),))
    by_column = heading.cells(row.cells)
    if isinstance(by_column, str):
        return RefusedRow(row.line, (Problem(row.line, None, by_column),))
    return read_cells(by_column, rules, row.line)


def _once(row: SignUp | RefusedRow, first_line_of: dict[str, int]) -> SignUp | RefusedRow:
    """The row, unless its person stood on an earlier line."""
    if row.external_id is None:
        return row
    first = first_line_of.setdefault(row.external_id, row.line)
    if first == row.line:
        return row
    message = f"{quoted(row.external_id)} stands on line {first} already. Keep one row a person."
    earlier = row.problems if isinstance(row, RefusedRow) else ()
    # Without its ids: the person's manager is what the first row says.
    return RefusedRow(row.line, (*earlier, Problem(row.line, "external_id", message)))


def _capacity_problems(line: int, values: Mapping[str, Any]) -> list[Problem]:
    role: Role = values["role"]
    if values.get("capacity", 1) <= MOST_PARTNERS[role]:
        return []
    message = f"A {role} has at most {MOST_PARTNERS[role]} partners at once. Write 1 to {MOST_PARTNERS[role]}."
    return [Problem(line, "capacity", message)]


def _text(longest: int, *, required: bool = False) -> Callable[[str, Rules], str]:
    return lambda value, _: cells.text(value, longest=longest, required=required)


def _text_or_none(longest: int) -> Callable[[str, Rules], str | None]:
    return lambda value, _: cells.text(value, longest=longest) or None


_READERS: Mapping[str, Callable[[str, Rules], Any]] = {
    "external_id": _text(100, required=True),
    "given_name": _text(100, required=True),
    "family_name": _text(100, required=True),
    "email": lambda value, _: cells.email(value),
    "role": lambda value, _: cells.role(value),
    "grade": lambda value, rules: cells.grade(value, rules.grade_ladder),
    "unit": _text(120),
    "location": _text(120),
    "country": _text(120),
    "region": lambda value, rules: cells.region(value, rules.regions),
    "time_zone": lambda value, _: cells.time_zone(value),
    "working_hours": lambda value, rules: cells.working_hours(value, rules.working_hours),
    "languages": lambda value, _: cells.languages(value),
    "manager_id": _text_or_none(100),
    "capacity": lambda value, _: cells.capacity(value),
    "offers": lambda value, _: cells.topics(value),
    "seeks": lambda value, _: cells.topics(value),
    "identity": _text_or_none(cells.LONGEST_WISH),
    "identity_wish": _text_or_none(cells.LONGEST_WISH),
}
