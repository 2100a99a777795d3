"""An uploaded sign-up file, once it is through: how many rows went where. Never what stood in it."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from events.runtime.private_events import Event
from events.runtime.streams import Category


class SignUpFileImported(Event):
    """Every row was taken in or refused."""

    type: ClassVar[str] = "SignUpFileImported"
    program: UUID
    rows: int
    enrolled: int
    updated: int
    unchanged: int
    rejected: int


@dataclass(frozen=True, slots=True)
class SignUpFile:
    """Nothing is decided on a file that is through."""


def evolve(file: SignUpFile, _: Event) -> SignUpFile:
    """The file after one more event."""
    return file


SIGN_UP_FILE = Category("sign-up file", SignUpFile(), evolve)
EVENTS = (SignUpFileImported,)
