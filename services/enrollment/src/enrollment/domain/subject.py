"""A subject: a person across programs. Their name and address live here and nowhere else."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar
from uuid import UUID

from events.runtime.private_events import Event, Personal
from events.runtime.streams import Category


class SubjectDescribed(Event):
    """What a person is called, and where they are reached."""

    type: ClassVar[str] = "SubjectDescribed"
    subject: UUID
    external_id: Annotated[str | None, Personal("subject")] = None
    given_name: Annotated[str | None, Personal("subject")] = None
    family_name: Annotated[str | None, Personal("subject")] = None
    email: Annotated[str | None, Personal("subject")] = None


@dataclass(frozen=True, slots=True)
class Details:
    """Personal data; shown by no `repr`, so that it reaches no log."""

    external_id: str = field(repr=False)
    given_name: str = field(repr=False)
    family_name: str = field(repr=False)
    email: str = field(repr=False)

    @property
    def display_name(self) -> str:
        """The name as others see it."""
        return f"{self.given_name} {self.family_name}"


@dataclass(frozen=True, slots=True)
class Subject:
    """`details` is None for somebody who was never described, or whose key is destroyed."""

    details: Details | None = None


def describe(subject: Subject, subject_id: UUID, details: Details) -> list[Event]:
    """Note what a person is called; nothing when it is known."""
    if subject.details == details:
        return []
    return [
        SubjectDescribed(
            subject=subject_id,
            external_id=details.external_id,
            given_name=details.given_name,
            family_name=details.family_name,
            email=details.email,
        )
    ]


def evolve(subject: Subject, event: Event) -> Subject:
    """The subject after one more event."""
    match event:
        case SubjectDescribed(external_id=str(i), given_name=str(g), family_name=str(f), email=str(e)):
            return Subject(Details(i, g, f, e))
        case SubjectDescribed():
            return Subject()
    return subject


SUBJECT = Category("subject", Subject(), evolve)
EVENTS = (SubjectDescribed,)
