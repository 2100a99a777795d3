"""Most people first: a matching of as many people and pairs as the rules allow, and what every such matching shares.

Augmenting paths (Berge 1957) from whoever could have a partner to whoever could, over the rules alone and without a
matrix: first those that give two people their first partner, then one, then further pairs of people who have one. A
path never takes a partner from anybody, so that order yields most people and most pairs at once.

What is reached at the end says what *all* largest matchings have in common (Dulmage and Mendelsohn 1958): people fall
into kinds between which no pair can be made, and each kind says who must have how many partners. The value is then
sought among these alone. The kinds are also the proof: a cover of the size of the matching (König 1931).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from matching.engine.auction import Limits
from matching.engine.compiled.paths import allowed, search
from matching.engine.problem import Codes, Indices, Mask
from matching.engine.rules.forms import Short
from matching.engine.scanning import Scan

_NOBODY = -1
_TOO_MANY_MENTEES, _TOO_MANY_MENTEES_WITH_ONE, _EVEN, _TOO_MANY_MENTORS_WITH_ONE, _TOO_MANY_MENTORS = range(5)


class Cover(NamedTuple):
    """What all matchings of the most people and pairs have in common. Columns are those of the tables."""

    kinds: tuple[Short, Short]
    """Of mentees and of columns, padding included."""
    limits: Limits
    locked: tuple[Indices, Indices]
    """(mentee, column) of pairs between kinds: each is in every largest matching."""
    pairs: int
    bound: int
    """No matching has more pairs: capacities of a cover of all pairs that the rules allow."""


class _Partners(NamedTuple):
    """Who has whom, from both sides; -1 where a place is free."""

    of_row: Codes
    """[n, most]: columns"""
    of_column: Codes
    """[m, most]: rows"""


class Side(NamedTuple):
    """What counts of one side's people, in the order in which they stand there."""

    capacity: Codes
    alone: Mask
    """Whether a first partner makes somebody new happy."""


def cover_of(scan: Scan, mirrored: Callable[[], Scan], mentees: Side, mentors: Side, column: Indices) -> Cover:
    """Find it. `mirrored` scans mentors as rows, by index; `column` is where each of them stands in `scan`."""
    partners = _Partners(_free(mentees), _free(mentors))
    _augment_all(scan, partners, mentees, mentors)
    degrees = _degree(partners.of_row), _degree(partners.of_column)
    first, further = _slack(mentees, degrees[0])
    rows_first, columns_first = _reach(scan, partners, first)
    rows_further, columns_further = _reach(scan, partners, further)
    kinds = np.full(len(mentees.capacity), _EVEN, np.int16), np.full(scan.padded, _NOBODY, np.int16)
    kinds[1][: len(mentors.capacity)] = _EVEN
    kinds[0][rows_further], kinds[1][: len(mentors.capacity)][columns_further] = (_TOO_MANY_MENTEES_WITH_ONE,) * 2
    kinds[0][rows_first], kinds[1][: len(mentors.capacity)][columns_first] = (_TOO_MANY_MENTEES,) * 2
    _mark_mentors_side(mirrored, partners, mentors, column, kinds)
    return _told(scan, partners, mentees, mentors, kinds)


def _free(side: Side) -> Codes:
    return np.full((len(side.capacity), max(1, int(side.capacity.max(initial=0)))), _NOBODY, np.int32)


def _degree(partners: Codes) -> Codes:
    degrees: Codes = np.count_nonzero(partners != _NOBODY, axis=1).astype(np.int32)
    return degrees


def _slack(side: Side, degree: Codes) -> tuple[Mask, Mask]:
    """Who has a first place free, where it counts, and who a further one."""
    free = degree < side.capacity
    first = free & side.alone & (degree == 0)
    return first, free & ~first


def _augment_all(scan: Scan, partners: _Partners, mentees: Side, mentors: Side) -> None:
    """First for two who have nobody, then for one such, then for none: no path makes one of a kind before it."""

    def once(of_mentees: int, of_mentors: int) -> int:
        sources = _slack(mentees, _degree(partners.of_row))[of_mentees]
        sinks = _slack(mentors, _degree(partners.of_column))[of_mentors]
        return _paths(scan, partners, sources, sinks, mentors, further=of_mentors == 1)

    def all_of(*kinds: tuple[int, int]) -> None:
        while sum(once(*kind) for kind in kinds):
            """Paths that were found may open others."""

    all_of((0, 0))
    all_of((0, 1), (1, 0))
    all_of((1, 1))


def _paths(scan: Scan, partners: _Partners, sources: Mask, sinks: Mask, mentors: Side, *, further: bool) -> int:
    """Make pairs along paths from a source to a sink that do not touch one another. Answers how many."""
    if not sources.any() or not sinks.any():
        return 0
    rows, columns, terms = scan.tables.rows, scan.tables.columns, scan.tables.terms
    ends = np.zeros(scan.padded, np.bool_)
    ends[: len(sinks)] = sinks
    capacity = mentors.capacity if further else np.minimum(mentors.capacity, 1)
    roots = np.flatnonzero(sources).astype(np.int32)
    found, _, _ = search(rows, columns, terms, scan.kinds, partners.of_row, partners.of_column, roots, ends, capacity)
    return int(found)


def _reach(scan: Scan, partners: _Partners, sources: Mask) -> tuple[Mask, Mask]:
    """Rows and columns on an alternating path from a source."""
    rows, columns, terms = scan.tables.rows, scan.tables.columns, scan.tables.terms
    ends = np.zeros(scan.padded, np.bool_)
    roots = np.flatnonzero(sources).astype(np.int32)
    capacity = np.zeros(len(partners.of_column), np.int32)
    _, of_rows, of_columns = search(
        rows, columns, terms, scan.kinds, partners.of_row, partners.of_column, roots, ends, capacity
    )
    return of_rows, of_columns[: len(partners.of_column)]


def _mark_mentors_side(
    mirrored: Callable[[], Scan],
    partners: _Partners,
    mentors: Side,
    column: Indices,
    kinds: tuple[Short, Short],
) -> None:
    """Kinds of those from whom a path leads to a free place of a mentor: found from there, backwards."""
    first, further = _slack(mentors, _degree(partners.of_column))
    if not first.any() and not further.any():
        return
    scan = mirrored()
    at = np.empty(scan.padded, np.int64)
    at[: len(scan.tables.mentor)] = scan.tables.mentor
    place = np.empty(len(scan.tables.mentor), np.int64)
    place[scan.tables.mentor] = np.arange(len(place))
    back = _Partners(
        _renamed(partners.of_column[column], place),  # rows: mentors by index; their mentees where these stand
        _renamed(partners.of_row[scan.tables.mentor], np.argsort(column)),
    )
    for sources, kind in ((further, _TOO_MANY_MENTORS_WITH_ONE), (first, _TOO_MANY_MENTORS)):
        rows, columns = _reach(scan, back, sources[column])
        kinds[1][column[rows]] = kind
        kinds[0][at[: len(columns)][columns]] = kind


def _renamed(partners: Codes, names: Indices) -> Codes:
    return np.where(partners == _NOBODY, _NOBODY, names[partners]).astype(np.int32)


def _told(scan: Scan, partners: _Partners, mentees: Side, mentors: Side, kinds: tuple[Short, Short]) -> Cover:
    rows, places = np.nonzero(partners.of_row != _NOBODY)
    held = partners.of_row[rows, places].astype(np.int64)
    of_rows, of_columns = kinds[0], kinds[1][: len(mentors.capacity)]
    locked = of_rows[rows] != of_columns[held]
    limits = Limits(
        *_bounds(of_rows, mentees, _TOO_MANY_MENTEES, _TOO_MANY_MENTEES_WITH_ONE, full=True),
        *_bounds(of_columns, mentors, _TOO_MANY_MENTORS, _TOO_MANY_MENTORS_WITH_ONE, full=False),
    )
    for people, least, most in (
        (rows[locked], limits.mentees_least, limits.mentees_most),
        (held[locked], limits.mentors_least, limits.mentors_most),
    ):
        np.subtract.at(most, people, 1)
        np.subtract.at(least, people, 1)
        np.maximum(least, 0, out=least)
    return Cover(kinds, limits, (rows[locked], held[locked]), len(rows), _bound(scan, mentees, mentors, kinds))


def _bounds(kinds: Short, side: Side, first: int, further: int, *, full: bool) -> tuple[Codes, Codes]:
    """The least and the most partners. Those of the even kind are `full` where nothing else would see to it."""
    one = np.minimum(side.capacity, side.alone).astype(np.int32)
    least, most = side.capacity.copy(), side.capacity.copy()
    least[kinds == further] = one[kinds == further]
    least[kinds == first], most[kinds == first] = 0, one[kinds == first]
    if not full:
        least[kinds == _EVEN] = 0
    return least, most


def _bound(scan: Scan, mentees: Side, mentors: Side, kinds: tuple[Short, Short]) -> int:
    """Places of a cover: every pair that the rules allow takes one of them, or is counted beside it."""
    outside = kinds[0] <= _TOO_MANY_MENTEES_WITH_ONE
    inside = kinds[1] <= _TOO_MANY_MENTEES_WITH_ONE
    inside[len(mentors.capacity) :] = True
    everybody = np.zeros(len(kinds[0]), np.int16), np.where(inside, -1, 0).astype(np.int16)
    rows, columns, terms = scan.tables.rows, scan.tables.columns, scan.tables.terms
    beside = allowed(rows, columns, terms, everybody, np.flatnonzero(outside).astype(np.int32))
    of_mentors = mentors.capacity[inside[: len(mentors.capacity)]]
    return int(mentees.capacity[~outside].sum()) + int(of_mentors.sum()) + int(beside)
