"""Physical lines of a file that arrives in pieces, whatever ends them: LF, CRLF or CR."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_BYTES = 65_536
"""A line this long is no person: it is cut, and the reader numbers it as a bad row."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as an editor counts them, from 1, with what ends it."""

    number: int
    text: str
    """Bytes that are not UTF-8 stand in it as lone surrogates (PEP 383)."""
    too_long: bool = False

    @property
    def opens_or_closes(self) -> bool:
        """Whether a quoted cell runs over one of the line's ends: it then has an odd number of quotation marks."""
        return self.text.count('"') % 2 == 1


def physical_lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """Split a file into its lines; holds one chunk and one line at a time."""
    for number, (content, too_long) in enumerate(_split(chunks), start=1):
        text = content.decode("utf-8", errors="surrogateescape")
        yield Line(number, text.removeprefix("\ufeff") if number == 1 else text, too_long)


def _split(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    carried = b""
    skipping = False
    for chunk in chunks:
        lines = (carried + chunk).splitlines(keepends=True)
        # A last line without its LF may go on in the next chunk; after CR, too, the LF of a CRLF may still come.
        carried = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines:
            if skipping:
                skipping = False
            else:
                yield line[:MOST_BYTES], len(line) > MOST_BYTES
        if len(carried) > MOST_BYTES:
            if not skipping:
                yield carried[:MOST_BYTES], True
            skipping = True
            # The last byte stays: it may be the CR of a CRLF.
            carried = carried[-1:]
    for line in carried.splitlines(keepends=True):
        if not skipping:
            yield line[:MOST_BYTES], len(line) > MOST_BYTES
