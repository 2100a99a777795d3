"""From people, as a form or an event describes them, to the arrays of a problem."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from matching.engine.problem import Codes, People, Policy, Problem, Ragged

_WORD = 64
_UTC = ZoneInfo("UTC")
_NO_LINES: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of a round. Every name is compared as it is written; languages by their primary subtag."""

    subject: str
    grade: int
    region: str
    unit: str = ""
    location: str = ""
    time_zone: str = "UTC"
    working_hours: str = "09:00-17:00"
    languages: Sequence[str] = ()
    managers: Sequence[str] = ()
    """Subjects above, nearest first."""
    offers: Mapping[str, int] = field(default_factory=dict)
    seeks: Mapping[str, int] = field(default_factory=dict)
    capacity: int = 1
    covered: bool = False
    waited: int = 0
    wish: str | None = None
    """Identity to share with the partner, where asked for."""


class _Names:
    """Codes of names, in order of first appearance."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def __len__(self) -> int:
        return len(self._codes)


def primary_language(tag: str) -> str:
    """`en` of `en-GB`: who speaks one variety understands the other (BCP 47 primary subtag)."""
    return tag.replace("_", "-").split("-")[0].lower()


@cache
def working_minutes(time_zone: str, working_hours: str, on: date) -> tuple[int, int]:
    """Start and end of work on a date in a zone, in minutes of UTC after that date's midnight.

    Whoever ends before they start works through the night. An unknown zone or unreadable hours give an empty day:
    the rule on hours then says so for that person, and the round goes on without them.
    """
    try:
        zone = ZoneInfo(time_zone)
        first, last = (time.fromisoformat(part.strip()) for part in working_hours.split("-"))
    except (KeyError, ValueError, OSError):
        return 0, 0
    next_day = timedelta(days=1 if last <= first else 0)
    midnight = datetime.combine(on, time(), _UTC)
    starts = datetime.combine(on, first, zone).astimezone(_UTC) - midnight
    ends = datetime.combine(on + next_day, last, zone).astimezone(_UTC) - midnight
    return int(starts.total_seconds()) // 60, int(ends.total_seconds()) // 60


def problem_of(
    mentees: Sequence[Person],
    mentors: Sequence[Person],
    policy: Policy,
    *,
    on: date,
    regions_may_meet: Iterable[tuple[str, str]] | None = None,
    apart: Iterable[tuple[int, int]] = (),
    lines: Mapping[str, Sequence[str]] = _NO_LINES,
) -> Problem:
    """Arrays of these people on the round's date.

    `regions_may_meet` are pairs of regions, in any order; one's own region is always allowed, None allows all.
    `apart` are (index of mentee, index of mentor) that must not be paired (again). `lines` are the managers of
    subjects who are not in this round.
    """
    subjects, regions, units, locations, languages, topics, wishes = (_Names() for _ in range(7))
    above = _chains([*mentees, *mentors], lines)

    def side(people: Sequence[Person]) -> People:
        hours = [working_minutes(p.time_zone, p.working_hours, on) for p in people]
        return People(
            grade=_codes(p.grade for p in people),
            region=_codes(regions(p.region) for p in people),
            unit=_codes(units(p.unit) for p in people),
            location=_codes(locations(p.location) for p in people),
            languages=_bits([[languages(primary_language(tag)) for tag in p.languages] for p in people]),
            from_minute=_codes(first for first, _ in hours),
            to_minute=_codes(last for _, last in hours),
            subject=_codes(subjects(p.subject) for p in people),
            above=_ragged([{subjects(name): 0 for name in above[p.subject]} for p in people]),
            offers=_ragged([{topics(name): level for name, level in p.offers.items()} for p in people]),
            seeks=_ragged([{topics(name): level for name, level in p.seeks.items()} for p in people]),
            capacity=_codes(p.capacity for p in people),
            covered=np.fromiter((p.covered for p in people), bool, len(people)),
            waited=_codes(p.waited for p in people),
            wish=_codes(-1 if p.wish is None else wishes(p.wish) for p in people),
        )

    seniors, juniors = _same_width(side(mentees), side(mentors))
    may_meet = np.full((len(regions), len(regions)), regions_may_meet is None)
    np.fill_diagonal(may_meet, val=True)
    known = {p.region for p in (*mentees, *mentors)}
    for one, other in regions_may_meet or ():
        if one in known and other in known:
            may_meet[regions(one), regions(other)] = may_meet[regions(other), regions(one)] = True
    rows, columns = (np.array(part, np.int64) for part in zip(*apart, strict=True)) if (apart := list(apart)) else _NONE
    return Problem(seniors, juniors, len(topics), len(subjects), may_meet, (rows, columns), policy)


_NONE: tuple[NDArray[np.int64], NDArray[np.int64]] = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def _chains(people: Sequence[Person], lines: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Everybody above each person: their own chain, and the chains of those in it, wherever these are known.

    A chain that was written before somebody further up moved is thereby completed; a cycle ends where it closes.
    """
    written = {**lines, **{person.subject: person.managers for person in people}}
    above: dict[str, set[str]] = {}
    for subject, managers in ((person.subject, person.managers) for person in people):
        found: set[str] = set()
        open_ends = list(managers)
        while open_ends:
            manager = open_ends.pop()
            if manager not in found and manager != subject:
                found.add(manager)
                open_ends.extend(written.get(manager, ()))
        above[subject] = found
    return above


def _codes(numbers: Iterable[int]) -> Codes:
    return np.fromiter(numbers, np.int32)


def _ragged(rows: Sequence[Mapping[int, int]]) -> Ragged:
    lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    items = np.fromiter((item for row in rows for item in row), np.int32)
    values = np.fromiter((value for row in rows for value in row.values()), np.float64)
    return Ragged(starts, items, values)


def _bits(rows: Sequence[Sequence[int]]) -> NDArray[np.uint64]:
    words = 1 + max((code for row in rows for code in row), default=0) // _WORD
    bits = np.zeros((len(rows), words), np.uint64)
    for index, row in enumerate(rows):
        for code in row:
            bits[index, code // _WORD] |= np.uint64(1 << (code % _WORD))
    return bits


def _same_width(mentees: People, mentors: People) -> tuple[People, People]:
    """Both sides' language bits in the same number of words."""
    width = max(mentees.languages.shape[1], mentors.languages.shape[1])

    def widened(people: People) -> People:
        missing = width - people.languages.shape[1]
        fields: dict[str, Any] = {name: getattr(people, name) for name in People.__slots__}
        return People(**fields | {"languages": np.pad(people.languages, ((0, 0), (0, missing)))})

    return widened(mentees), widened(mentors)
