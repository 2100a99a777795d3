"""A problem laid out for the compiled scan: mentors in tiles, by topic; everything as narrow as it can be.

Mentors are columns, put in an order in which neighbours are alike, so that whole tiles can be passed over. Memory is
linear in people: two bytes a topic and mentor, and some hundred bytes a person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from matching.engine.problem import LEVELS, NO_PAIRS, BadProblem, Codes, Indices, People, Problem, Ragged
from matching.engine.rules import RULES
from matching.engine.rules.forms import AtMost, Bits, Form, Never, Shared, Short, Together
from matching.engine.score import Criterion, criteria

TILE = 1024
"""Columns at once: what a scan needs of them stays in the nearest cache."""

K = TypeVar("K", bound=np.generic)
Floats = NDArray[np.float32]
Levels = NDArray[np.uint16]

_MOST_TOPICS = np.iinfo(np.uint16).max // LEVELS**2
_NOBODY = np.int16(-1)


class Rows(NamedTuple):
    """Mentees, `n` of them. A suffix says how an array is cut: `_of` holds the first entry of each row, and the end."""

    offers_of: Indices
    offers: Codes
    offered: Levels
    """Levels 1–5."""
    seeks_of: Indices
    seeks: Codes
    sought: Levels
    share: Floats
    """What a level that is sought times one that is offered is worth: 1 / (levels sought × 5)."""
    waiting: Floats
    most: Short
    """[tests, n]"""
    bits: Bits
    """[words, n]; words of all tests, one after the other."""
    starts: Short
    """[tests, n]"""
    ends: Short
    codes: Codes
    """[criteria, n]"""
    never_of: Indices
    never: Codes
    """Columns, rising in each row."""
    kept_of: Indices
    kept: Codes
    """Columns whose pairs were there before, rising in each row."""


class Columns(NamedTuple):
    """Mentors, `m` of them and padding, so that every tile is full."""

    offered: NDArray[np.uint8]
    """[tiles, topics, TILE]: levels, 0 for none."""
    sought: NDArray[np.uint8]
    share: Floats
    waiting: Floats
    least: Short
    bits: Bits
    starts: Short
    ends: Short
    codes: Codes
    tile_least: Short
    """[tests, tiles]: the smallest of the tile."""
    tile_bits: Bits
    """[words, tiles]: every bit that somebody of the tile has."""
    tile_starts: Short
    """[tests, tiles]: the earliest of the tile."""
    tile_ends: Short


class Terms(NamedTuple):
    """What all pairs have in common."""

    one_sided: np.float32
    words_of: Indices
    """First word of each test by bits, and the end."""
    minutes: Short
    """[tests]"""
    points: Floats
    """[criteria]"""
    same: NDArray[np.bool_]
    kept: np.float32
    """Bonus for a pair that was there before."""


@dataclass(frozen=True, slots=True)
class Tables:
    """A problem as the scan reads it."""

    rows: Rows
    columns: Columns
    terms: Terms
    mentor: Indices
    """Index of the mentor who stands in each column; `m` of them."""

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return len(self.columns.offered)


def tables_of(problem: Problem, *, mirrored: bool = False) -> Tables:
    """Lay a problem out. Raises BadProblem where a number is too large to be compared in 16 bits.

    `mirrored` makes the mentors rows and the mentees columns, for the rules alone: it has no topics and no scores.
    """
    forms = [rule.form(problem) for rule in RULES]
    if mirrored:
        return _laid_out(_mirrored(problem), [form.mirrored() for form in forms], [])
    return _laid_out(problem, forms, criteria(problem))


def _mirrored(problem: Problem) -> Problem:
    nothing = Ragged(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0))

    def bare(people: People) -> People:
        without = replace(nothing, starts=np.zeros(len(people) + 1, np.int64))
        return replace(people, offers=without, seeks=without)

    return replace(
        problem,
        mentees=bare(problem.mentors),
        mentors=bare(problem.mentees),
        topics=1,
        apart=problem.apart[::-1],
        locked=problem.locked[::-1],
        kept=NO_PAIRS,
    )


def _laid_out(problem: Problem, forms: Sequence[Form], wanted: Sequence[Criterion]) -> Tables:
    most = [form for form in forms if isinstance(form, AtMost)]
    shared = [form for form in forms if isinstance(form, Shared)]
    together = [form for form in forms if isinstance(form, Together)]
    never = [form for form in forms if isinstance(form, Never)]
    order = _alike(len(problem.mentors), most, shared, together)
    width = max(1, -(-len(order) // TILE)) * TILE
    column = np.empty(len(order), np.int64)
    column[order] = np.arange(len(order))

    def padded(arrays: Iterable[NDArray[K]], kind: type[K]) -> NDArray[K]:
        chosen = list(arrays)
        wide = np.zeros((len(chosen), width), kind)
        for number, array in enumerate(chosen):
            wide[number, : len(order)] = array[order]
        return wide

    least = padded((form.mentors for form in most), np.int16)
    bits = padded((word for form in shared for word in form.mentors.T), np.uint32)
    starts = padded((form.mentors_from for form in together), np.int16)
    ends = padded((form.mentors_to for form in together), np.int16)
    forbidden = [(form.mentees, column[form.mentors]) for form in never]
    kept = [(problem.kept[0], column[problem.kept[1]])]
    never_of, never_columns = _lists(len(problem.mentees), forbidden)
    kept_of, kept_columns = _lists(len(problem.mentees), kept)
    seniors, juniors = problem.mentees, problem.mentors
    rows = Rows(
        offers_of=seniors.offers.starts,
        offers=seniors.offers.items,
        offered=_levels(seniors.offers),
        seeks_of=seniors.seeks.starts,
        seeks=seniors.seeks.items,
        sought=_levels(seniors.seeks),
        share=_shares(seniors),
        waiting=(problem.policy.waiting_bonus * seniors.waited).astype(np.float32),
        most=_stacked([form.mentees for form in most], len(seniors), np.int16),
        bits=_stacked([word for form in shared for word in form.mentees.T], len(seniors), np.uint32),
        starts=_stacked([form.mentees_from for form in together], len(seniors), np.int16),
        ends=_stacked([form.mentees_to for form in together], len(seniors), np.int16),
        codes=_stacked([criterion.mentees for criterion in wanted], len(seniors), np.int32),
        never_of=never_of,
        never=never_columns,
        kept_of=kept_of,
        kept=kept_columns,
    )
    by_tile = (-1, width // TILE, TILE)
    real = np.arange(width).reshape(by_tile[1:]) < len(order)
    columns = Columns(
        offered=_by_topic(juniors.offers, order, problem.topics, width),
        sought=_by_topic(juniors.seeks, order, problem.topics, width),
        share=padded([_shares(juniors)], np.float32)[0],
        waiting=padded([problem.policy.waiting_bonus * juniors.waited], np.float32)[0],
        least=least,
        bits=bits,
        starts=starts,
        ends=ends,
        codes=padded((criterion.mentors for criterion in wanted), np.int32),
        tile_least=np.min(least.reshape(by_tile), axis=2, initial=np.iinfo(np.int16).max, where=real),
        tile_bits=np.bitwise_or.reduce(bits.reshape(by_tile), axis=2),
        tile_starts=np.min(starts.reshape(by_tile), axis=2, initial=np.iinfo(np.int16).max, where=real),
        tile_ends=np.max(ends.reshape(by_tile), axis=2, initial=0, where=real),
    )
    terms = Terms(
        one_sided=np.float32(problem.policy.one_sided),
        words_of=np.cumsum([0, *(form.mentees.shape[1] for form in shared)]).astype(np.int64),
        minutes=np.array([min(form.minutes, np.iinfo(np.int16).max) for form in together], np.int16),
        points=np.array([criterion.points for criterion in wanted], np.float32),
        same=np.array([criterion.same for criterion in wanted], bool),
        kept=np.float32(problem.policy.keep_bonus),
    )
    return Tables(rows, columns, terms, order)


def _alike(mentors: int, most: list[AtMost], shared: list[Shared], together: list[Together]) -> Indices:
    """Mentors in an order in which those that the same tests remove stand beside one another."""
    keys: list[NDArray[Any]] = [form.mentors for form in most]
    keys += [word for form in shared for word in form.mentors.T]
    keys += [form.mentors_from for form in together]
    return np.lexsort([np.arange(mentors), *keys])


def _lists(rows: int, pairs: list[tuple[Indices, Indices]]) -> tuple[Indices, Codes]:
    """Columns of each row, rising, each once."""
    row = np.concatenate([one for one, _ in pairs]) if pairs else np.zeros(0, np.int64)
    column = np.concatenate([other for _, other in pairs]) if pairs else np.zeros(0, np.int64)
    order = np.lexsort([column, row])
    row, column = row[order], column[order]
    new = np.ones(len(row), bool)
    new[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
    row, column = row[new], column[new]
    return np.searchsorted(row, np.arange(rows + 1)).astype(np.int64), column.astype(np.int32)


def _stacked(arrays: Sequence[NDArray[K]], width: int, kind: type[K]) -> NDArray[K]:
    stacked = np.zeros((len(arrays), width), kind)
    for number, array in enumerate(arrays):
        stacked[number] = array
    return stacked


def _levels(topics: Ragged) -> Levels:
    return topics.values.astype(np.uint16)


def _shares(people: People) -> Floats:
    """0 for whoever seeks nothing."""
    sums = np.zeros(len(people))
    np.add.at(sums, people.seeks.rows_of_items(), people.seeks.values)
    return (1 / (LEVELS * np.maximum(sums, 1))).astype(np.float32)


def _by_topic(topics: Ragged, order: Indices, number: int, width: int) -> NDArray[np.uint8]:
    if np.max(np.diff(topics.starts), initial=0) > _MOST_TOPICS:
        raise BadProblem(f"somebody has more than {_MOST_TOPICS} topics")
    column = np.empty(len(order), np.int64)
    column[order] = np.arange(len(order))
    levels = np.zeros((width // TILE, max(1, number), TILE), np.uint8)
    of_item = column[topics.rows_of_items()]
    levels[of_item // TILE, topics.items, of_item % TILE] = topics.values
    return levels
