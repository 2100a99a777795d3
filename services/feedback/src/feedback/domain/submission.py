"""That one sheet was answered, told in a stream of its own that leads back to nobody (see `sheet`)."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from uuid import UUID

from events.runtime.private_events import Event
from events.runtime.streams import Category
from feedback.domain.sheet import AnswersAnnounced, Sheet, State


class SubmissionAnnounced(Event):
    """Somebody of a region answered an instrument on a day."""

    type: ClassVar[str] = "SubmissionAnnounced"
    program: UUID
    region: str
    instrument: str
    day: date


@dataclass(frozen=True, slots=True)
class Submission:
    """Nothing is ever decided over a submission."""


def announce(sheet: Sheet) -> tuple[list[Event], list[Event]]:
    """What to append to the sheet's stream and to the submission's: nothing when it was told before."""
    if sheet.opened is None or sheet.state is not State.ANSWERED or sheet.day is None or sheet.announced:
        return [], []
    announced = SubmissionAnnounced(
        program=sheet.opened.program, region=sheet.region, instrument=sheet.opened.instrument, day=sheet.day
    )
    return [AnswersAnnounced()], [announced]


SUBMISSION: Category[Submission] = Category("submission", Submission(), lambda submission, _: submission)
