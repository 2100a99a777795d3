"""The first row of a sign-up file: which column stands where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from enrollment.signup_file.cells import quoted

COLUMNS = (
    "external_id",
    "given_name",
    "family_name",
    "email",
    "role",
    "grade",
    "unit",
    "location",
    "country",
    "region",
    "time_zone",
    "working_hours",
    "languages",
    "manager_id",
    "capacity",
    "offers",
    "seeks",
    "identity",
    "identity_wish",
)
MAY_BE_ABSENT = frozenset({"working_hours", "capacity", "identity", "identity_wish"})
"""Columns with a default. `manager_id` is not one: without it, nobody could be kept out of their own reporting line."""

_MOST_PROBLEMS = 30
"""With more, it is another file altogether, and a longer list helps nobody."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: the physical line (from 1) where its row starts, the column if there is one, and how."""

    line: int
    column: str | None
    message: str


class Unreadable(ValueError):
    """No row of the file can be read. `problems` say why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"line {p.line}: {p.message}" for p in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Heading:
    """Positions of the known columns."""

    names: tuple[str, ...]

    def cells(self, row: Sequence[str]) -> dict[str, str] | str:
        """The row's cells by column, or what is wrong with their number."""
        cells = list(row)
        while len(cells) > len(self.names) and not cells[-1].strip():
            cells.pop()
        if len(cells) != len(self.names):
            return (
                f"This row has {len(cells)} cells and the heading has {len(self.names)}. "
                "Is a comma missing, or does a cell with a comma lack its quotation marks?"
            )
        return dict(zip(self.names, cells, strict=True))


def read_heading(line: int, row: Sequence[str], headings: Mapping[str, str]) -> Heading:
    """Recognise the columns. `headings` maps a file's own names to ours. Raises Unreadable."""
    ours = {plain(theirs): column for theirs, column in headings.items()}
    written = list(row)
    while written and not written[-1].strip():
        written.pop()
    names = [ours.get(plain(cell), plain(cell)) for cell in written]
    problems = _delimiter(line, written) or _misnamed(line, written, names)
    if problems:
        raise Unreadable(problems[:_MOST_PROBLEMS])
    return Heading(tuple(names))


def plain(name: str) -> str:
    """A heading without what does not tell it from another: case, and how its words are joined."""
    return "_".join(name.replace("-", " ").replace("_", " ").casefold().split())


def _delimiter(line: int, written: Sequence[str]) -> list[Problem]:
    if len(written) == 1:
        for delimiter, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if written[0].count(delimiter) > 1:
                return [Problem(line, None, f"The columns are separated by {called}. Save the file with commas.")]
    return []


def _misnamed(line: int, written: Sequence[str], names: Sequence[str]) -> list[Problem]:
    problems = []
    meant = set(names)
    for position, (name, shown) in enumerate(zip(names, map(quoted, written), strict=True), start=1):
        if not name:
            problems.append(Problem(line, None, f"Column {position} has no heading. Name it or take it out."))
        elif name not in COLUMNS:
            close = get_close_matches(name, set(COLUMNS) - meant, n=1)
            meant.update(close)
            hint = f"Is it {close[0]}?" if close else f"Take it out. The columns are {', '.join(COLUMNS)}."
            problems.append(Problem(line, written[position - 1].strip()[:60], f"There is no column {shown}. {hint}"))
    for name in COLUMNS:
        if names.count(name) > 1:
            told = f"The column {name} is there {names.count(name)} times. Keep one."
            problems.append(Problem(line, name, told))
        elif name not in meant and name not in MAY_BE_ABSENT:
            problems.append(Problem(line, name, f"The column {name} is missing. Add it to the first row."))
    return problems
