"""The sample enterprise: people in a manager tree of four levels, and the sign-up file their HR person would upload.

Everything follows from the number of people and the seed. Which facts it is made from, and whose they are, stands in
`facts`; the people are invented.
"""

import csv
import io
import random
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from viceversa.demo.facts import (
    MANAGERS,
    PLACES,
    PRESIDENT,
    REGIONS,
    STAFF,
    TECHNOLOGIES,
    VICE_PRESIDENTS,
    WORK_STYLES,
    Job,
    Place,
)
from viceversa.demo.names import FAMILY, GIVEN

GRADE_LADDER = (
    "Trainee",
    "Associate",
    "Specialist",
    "Senior Specialist",
    "Lead",
    "Manager",
    "Senior Manager",
    "Director",
    "Vice President",
    "President",
)
DIVIDING_GRADE = 5
"""Below it people are mentors, from it on mentees."""

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
)
_HOURS = {
    "Americas": ("09:00-17:00", "08:00-16:30", "07:00-15:30"),
    "Europe": ("09:00-17:00", "09:00-17:30", "10:00-19:00"),
    "Asia": ("09:00-18:00", "09:00-17:30", "12:00-21:00"),
}
_SHARE_OF_VICE_PRESIDENTS = 0.05
_SHARE_OF_MANAGERS = 0.30

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the sign-up file. `level` in the tree: 1 is the president, 4 the staff. Topics carry a level 1–5."""

    external_id: str
    given_name: str
    family_name: str
    level: int
    grade: int
    job: Job
    place: Place
    working_hours: str
    languages: tuple[str, ...]
    manager: str
    capacity: int
    offers: dict[str, int]
    seeks: dict[str, int]

    @property
    def is_mentor(self) -> bool:
        """Juniors mentor; that is the point."""
        return self.grade < DIVIDING_GRADE


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that the import must refuse: its cells, and the column that the report should name."""

    fault: str
    column: str
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class SignUpFile:
    """The upload. `bad` maps the line number of each bad row to what is wrong with it."""

    content: bytes
    bad: dict[int, BadRow]


def people(count: int, seed: int) -> list[Person]:
    """An enterprise of `count` people (at least 12), the president first."""
    if count < 12:  # noqa: PLR2004 - four levels with a choice of partners need about a dozen
        raise ValueError("an enterprise needs at least 12 people")
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    vice_presidents = max(2, round((count - 1) * _SHARE_OF_VICE_PRESIDENTS))
    managers = max(3, round((count - 1) * _SHARE_OF_MANAGERS))
    levels = [1] + [2] * vice_presidents + [3] * managers + [4] * (count - 1 - vice_presidents - managers)
    seats = _seats(count, dice)
    enterprise: list[Person] = []
    above: dict[int, list[Person]] = {1: [], 2: [], 3: [], 4: []}
    for number, (level, place) in enumerate(zip(levels, seats, strict=True), start=1):
        boss = _boss(above.get(level - 1, []), place, dice)
        person = _person(f"e-{number}", level, place, boss.external_id if boss else "", dice)
        above[level].append(person)
        enterprise.append(person)
    return enterprise


def sign_up_file(enterprise: Sequence[Person]) -> SignUpFile:
    """The file as a spreadsheet program saves it (BOM, CRLF), with bad rows strewn over it."""
    rows: list[dict[str, str]] = [_cells(person) for person in enterprise]
    bad_rows = list(_bad_rows(rows))
    for position, bad_row in enumerate(bad_rows, start=1):
        rows.insert(position * len(rows) // (len(bad_rows) + 1), bad_row.cells)
    content = io.StringIO(newline="")
    writer = csv.DictWriter(content, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    bad: dict[int, BadRow] = {}
    for line, cells in enumerate(rows, start=2):
        writer.writerow(cells)
        bad.update((line, bad_row) for bad_row in bad_rows if bad_row.cells is cells)
    return SignUpFile(content.getvalue().encode("utf-8-sig"), bad)


def _seats(count: int, dice: random.Random) -> list[Place]:
    """Where each works: every region is there, however small the enterprise; the president sits at the first place."""
    in_each_region = [next(place for place in PLACES if place.region == region) for region in REGIONS]
    start = [PLACES[0], *in_each_region, *in_each_region[1:]]
    return start + dice.choices(PLACES, [place.weight for place in PLACES], k=count - len(start))


def _boss(candidates: Sequence[Person], place: Place, dice: random.Random) -> Person | None:
    if not candidates:
        return None
    near = [candidate for candidate in candidates if candidate.place.region == place.region]
    return dice.choice(near or candidates)


def _person(external_id: str, level: int, place: Place, manager: str, dice: random.Random) -> Person:
    match level:
        case 1:
            job, grade = PRESIDENT, 10
        case 2:
            job, grade = dice.choice(VICE_PRESIDENTS), 9
        case 3:
            job, grade = _weighted(MANAGERS, dice), dice.choice((6, 6, 7, 8))
        case _:
            job, grade = _weighted(STAFF, dice), dice.choice((1, 2, 2, 3, 3, 4))
    mentor = grade < DIVIDING_GRADE
    can, wants = _topics_of_a_junior(job, dice) if mentor else _topics_of_a_senior(job, dice)
    languages = place.languages if dice.random() < 0.6 else place.languages[:1]  # noqa: PLR2004 - a share
    return Person(
        external_id=external_id,
        given_name=dice.choice(GIVEN[place.region]),
        family_name=dice.choice(FAMILY[place.region]),
        level=level,
        grade=grade,
        job=job,
        place=place,
        working_hours=dice.choice(_HOURS[place.region]),
        languages=languages,
        manager=manager,
        capacity=1 if mentor else dice.choice((1, 1, 2)),
        offers=can,
        seeks=wants,
    )


def _weighted(jobs: Sequence[Job], dice: random.Random) -> Job:
    return dice.choices(jobs, [job.weight for job in jobs])[0]


def _topics_of_a_junior(job: Job, dice: random.Random) -> tuple[dict[str, int], dict[str, int]]:
    """Juniors teach the technologies of their occupation and want the work styles that senior work asks for."""
    known = TECHNOLOGIES[job.occupation]
    offers = {name.lower(): dice.randint(3, 5) for name in dice.sample(known, min(len(known), dice.randint(3, 5)))}
    senior = WORK_STYLES[dice.choice(MANAGERS).occupation]
    return offers, {name.lower(): dice.randint(2, 4) for name in dice.sample(list(senior), 3)}


def _topics_of_a_senior(job: Job, dice: random.Random) -> tuple[dict[str, int], dict[str, int]]:
    """Seniors teach the work styles that matter most in their occupation and want the technologies juniors use."""
    styles = WORK_STYLES[job.occupation]
    offers = {name.lower(): round(importance) for name, importance in _sample(list(styles.items()), 4, dice)}
    wanted = {name for junior in _sample(STAFF, 3, dice) for name in _sample(TECHNOLOGIES[junior.occupation], 2, dice)}
    return offers, {name.lower(): dice.randint(1, 4) for name in sorted(wanted)}


def _sample(values: Sequence[T], size: int, dice: random.Random) -> list[T]:
    return dice.sample(values, min(size, len(values)))


def _cells(person: Person) -> dict[str, str]:
    by_name = int(person.external_id.removeprefix("e-")) % 3 == 0
    return {
        "external_id": person.external_id,
        "given_name": person.given_name,
        "family_name": person.family_name,
        "email": f"{_address(person.given_name)}.{_address(person.family_name)}.{person.external_id}@example.com",
        "role": "auto",
        "grade": GRADE_LADDER[person.grade - 1] if by_name else str(person.grade),
        "unit": person.job.department,
        "location": person.place.city,
        "country": person.place.country,
        "region": person.place.region,
        "time_zone": person.place.time_zone,
        "working_hours": person.working_hours,
        "languages": ";".join(person.languages),
        "manager_id": person.manager,
        "capacity": str(person.capacity),
        "offers": _topic_list(person.offers),
        "seeks": _topic_list(person.seeks),
    }


def _address(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ø", "o")).encode("ascii", "ignore").decode().lower()
    return "".join(character for character in plain if character.isalnum())


def _topic_list(topics: dict[str, int]) -> str:
    return ";".join(f"{name}:{level}" for name, level in topics.items())


def _bad_rows(rows: Sequence[dict[str, str]]) -> Iterator[BadRow]:
    """Mistakes that real sign-up files have. Each is one person's good row with one cell spoilt."""
    good = rows[-1]
    spoilt = (
        ("no address", "email", ""),
        ("a region the program has not", "region", "Atlantis"),
        ("a zone that IANA does not know", "time_zone", "Europe/Bielefeld-West"),
        ("a grade that is not on the ladder", "grade", "Grand Duke"),
        ("nothing to offer", "offers", ""),
        ("a level above five", "seeks", "leadership:9"),
        ("working hours that end before they start", "working_hours", "17:00-09:00"),
        ("a manager whom nobody knows", "manager_id", "e-none"),
    )
    for number, (fault, column, value) in enumerate(spoilt, start=1):
        yield BadRow(fault, column, {**good, "external_id": f"b-{number}", column: value})
    for number, manager in ((9, 10), (10, 9)):
        circle = {**good, "external_id": f"b-{number}", "manager_id": f"b-{manager}"}
        yield BadRow("two who report to each other", "manager_id", circle)
    yield BadRow("the same person a second time", "external_id", dict(rows[0]))
