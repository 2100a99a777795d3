"""One participant's sheet: handed out by an event, answered once, closed; and announced once when it was answered.

Announcing. The world may learn that *somebody* of a region answered an instrument on a day, and no more. So the sheet's
own history never leaves; at the full hour each answer of the hours before is announced by a fact in a stream of its
own under a random id (`submission`). Both are appended by one command: `AnswersAnnounced` here, `SubmissionAnnounced`
there. They commit together or not at all, and a sheet that was announced refuses to be announced again: a crash, a
late projection or two leaders neither lose an answer nor tell it twice.
Inside feedback's own store the two rows share a transaction, which links them. That tells nobody anything new: the
submission says only what the sheet beside it says already, and neither the transaction nor the sheet is published.
A counter per region and day instead of the mark on the sheet would hide this link, at the price of one hot stream that
every answer queues for and whose versions would put all answers in order: more is told that way, not less.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from events.contracts.kinds import Role
from events.runtime.private_events import Event, Personal
from events.runtime.refusals import Refusal
from events.runtime.streams import Category
from feedback.domain.instruments import CURRENT, RATINGS, Instrument, Thresholds, instrument
from feedback.domain.participant import Participant, SheetHandedOut
from feedback.domain.program import Program


class AlreadyAnswered(Refusal):
    """A sheet is answered once."""

    slug, status, title = "already-answered", 409, "You have answered this sheet; answers cannot be changed"


class SheetIsClosed(Refusal):
    """Nothing is asked here any more."""

    slug, status, title = "sheet-closed", 409, "This sheet is closed and takes no answers"


class ItemsDoNotFit(Refusal):
    """The ratings are not those that the sheet asks for."""

    slug, status, title = "items-do-not-fit", 422, "Rate every item of the sheet, and no other"


class SheetOpened(Event):
    """A participant is asked. The thresholds are part of what the form promises, so they stand with the question."""

    type: ClassVar[str] = "SheetOpened"
    sheet: UUID
    participant: UUID
    program: UUID
    role: Role
    instrument: str
    edition: int
    pair: UUID | None = None
    """The pair that a pulse is about."""
    number: int | None = None
    """The session that a pulse is about."""
    due_at: AwareDatetime
    rating_threshold: int
    comment_threshold: int


class SheetAnswered(Event):
    """A participant answered. Region, role and unit are frozen here: reports count by them, wherever people move."""

    type: ClassVar[str] = "SheetAnswered"
    author: UUID
    """The subject whose key seals the answers."""
    day: date
    role: Role
    region: str
    unit: Annotated[str | None, Personal("author")] = None
    ratings: Annotated[dict[str, int] | None, Personal("author")] = None
    comment: Annotated[str | None, Personal("author")] = None


class SheetClosed(Event):
    """A sheet that nobody answered takes no answers any more."""

    type: ClassVar[str] = "SheetClosed"


class AnswersAnnounced(Event):
    """That this sheet was answered has been told, without naming it."""

    type: ClassVar[str] = "AnswersAnnounced"


class State(StrEnum):
    """Where a sheet stands."""

    UNKNOWN = "unknown"
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of somebody at the moment they answer."""

    region: str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """What decisions need to know of one sheet; never the answers."""

    opened: SheetOpened | None = None
    state: State = State.UNKNOWN
    region: str = ""
    day: date | None = None
    announced: bool = False

    @property
    def instrument(self) -> Instrument:
        """The edition that this sheet was made from."""
        if self.opened is None:
            raise LookupError("a sheet that was never opened has no instrument")
        return instrument(self.opened.instrument, self.opened.edition)

    @property
    def questions(self) -> Mapping[str, str]:
        """Item → text, as this participant is asked."""
        return {} if self.opened is None else self.instrument.questions[self.opened.role]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a sheet is for, and what it is about."""

    sheet: UUID
    participant: UUID
    role: Role
    program: UUID
    instrument: str
    pair: UUID | None = None
    number: int | None = None

    @property
    def about(self) -> str:
        """A baseline is asked once a participant, a pulse once a session."""
        return self.instrument if self.pair is None else f"{self.instrument} {self.pair} {self.number}"


def hand_out(
    program: Program, participant: Participant, asked: Asked, now: datetime
) -> tuple[list[Event], list[Event]]:
    """What to append to the participant's stream and to the sheet's: nothing for who left, or was asked before."""
    if program.over or program.thresholds is None or participant.left or asked.about in participant.sheets:
        return [], []
    current = CURRENT[asked.instrument]
    thresholds: Thresholds = program.thresholds
    opened = SheetOpened(
        sheet=asked.sheet,
        participant=asked.participant,
        program=asked.program,
        role=asked.role,
        instrument=current.name,
        edition=current.edition,
        pair=asked.pair,
        number=asked.number,
        due_at=now + current.wanted_within,
        rating_threshold=thresholds.ratings,
        comment_threshold=thresholds.comments,
    )
    return [SheetHandedOut(participant=asked.participant, asked=asked.about, sheet=asked.sheet)], [opened]


def answer(
    sheet: Sheet,
    *,
    author: UUID,
    attributes: Attributes,
    ratings: Mapping[str, int],
    comment: str | None,
    now: datetime,
) -> list[Event]:
    """Take the answers. Raises AlreadyAnswered, SheetIsClosed, ItemsDoNotFit."""
    if sheet.state is State.ANSWERED:
        raise AlreadyAnswered
    if sheet.state is not State.OPEN or sheet.opened is None:
        raise SheetIsClosed
    missing = sorted(sheet.questions.keys() - ratings.keys())
    unknown = sorted(ratings.keys() - sheet.questions.keys())
    outside = sorted(item for item, rating in ratings.items() if rating not in RATINGS)
    if missing or unknown or outside:
        raise ItemsDoNotFit(missing=missing, unknown=unknown, not_from_1_to_5=outside)
    return [
        SheetAnswered(
            author=author,
            day=now.astimezone(UTC).date(),
            role=sheet.opened.role,
            region=attributes.region,
            unit=attributes.unit,
            ratings=dict(ratings),
            comment=comment,
        )
    ]


def close(sheet: Sheet) -> list[Event]:
    """Close a sheet that is still open."""
    return [SheetClosed()] if sheet.state is State.OPEN else []


def evolve(sheet: Sheet, event: Event) -> Sheet:
    """Apply one event."""
    match event:
        case SheetOpened():
            return replace(sheet, opened=event, state=State.OPEN)
        case SheetAnswered():
            return replace(sheet, state=State.ANSWERED, region=event.region, day=event.day)
        case SheetClosed():
            return replace(sheet, state=State.CLOSED)
        case AnswersAnnounced():
            return replace(sheet, announced=True)
    return sheet


SHEET = Category("answer sheet", Sheet(), evolve)
