"""CSV records with the line they start on (RFC 4180), read so that one broken record never swallows its neighbours."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from enrollment.signup_file.lines import MOST_BYTES, Line, physical_lines

MOST_LINES = 100
"""Lines that one record's quoted cells may run over."""

_UNCLOSED = (
    "A quotation mark is opened here and never closed. "
    'Put the whole cell in quotation marks, and write each one inside it twice: "the ""new"" team".'
)
_TOO_LONG = f"This line is longer than {MOST_BYTES:,} bytes. Is the rest of the file on it? Save the file as CSV again."
_NOT_UTF8 = "This row is not UTF-8 text. Save the file as “CSV UTF-8”."


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one row, as written."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A row whose cells cannot be told apart, and how to mend it."""

    line: int
    message: str


def records(chunks: Iterable[bytes]) -> Iterator[Record | BrokenRecord]:
    """Rows in order. Rows without anything in them are left out.

    A quoted cell that is never closed would take the rest of the file with it. Therefore a row that cannot be read to
    its end costs its first line only, and reading goes on with the next.
    """
    source = physical_lines(chunks)
    ahead: deque[Line] = deque()
    while (first := ahead.popleft() if ahead else next(source, None)) is not None:
        further = _lines_until_closed(first, ahead, source)
        if further is None:
            yield BrokenRecord(first.number, _TOO_LONG if first.too_long else _UNCLOSED)
            continue
        text = first.text + "".join(line.text for line in islice(ahead, further))
        try:
            cells = next(csv.reader([text], strict=True))
        except csv.Error:
            yield BrokenRecord(first.number, _UNCLOSED)
            continue
        for _ in range(further):
            ahead.popleft()
        if _has_lone_surrogates(text):
            yield BrokenRecord(first.number, _NOT_UTF8)
        elif any(cell.strip() for cell in cells):
            yield Record(first.number, tuple(cells))


def _lines_until_closed(first: Line, ahead: deque[Line], source: Iterator[Line]) -> int | None:
    """How many further lines belong to the record, or None when it has no end near. They stay in `ahead`."""
    if first.too_long:
        return None
    if not first.opens_or_closes:
        return 0
    size = len(first.text)
    for count in range(1, MOST_LINES):
        if count > len(ahead):
            line = next(source, None)
            if line is None:
                return None
            ahead.append(line)
        line = ahead[count - 1]
        size += len(line.text)
        if line.too_long or size > MOST_BYTES:
            return None
        if line.opens_or_closes:
            return count
    return None


def _has_lone_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
