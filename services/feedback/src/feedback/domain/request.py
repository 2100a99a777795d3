"""Requests for another match. Matching ends the pair in its hour's batch; feedback never says who asked.

A pair has one stream for the requests of both its sides, not one a side: the id of a stream is the key of its messages
and stands in spans, and an id made from a participant could be worked out by anyone who knows both of a pair.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar
from uuid import UUID

from events.runtime.private_events import Event, Personal
from events.runtime.refusals import NotFound, Refusal
from events.runtime.streams import Category
from feedback.domain.pair import Pair
from feedback.domain.participant import Participant


class RequestIsOpen(Refusal):
    """One request a pair and participant."""

    slug, status, title = "request-open", 409, "You have asked for another match already"


class PairIsOver(Refusal):
    """There is nothing left to end."""

    slug, status, title = "pair-over", 409, "This pair has ended; you are waiting for the next round"


class RematchAsked(Event):
    """A participant asked for another match."""

    type: ClassVar[str] = "RematchAsked"
    pair: UUID
    program: UUID
    participant: UUID
    author: UUID
    """The subject whose key seals the reason."""
    reason: Annotated[str | None, Personal("author")] = None


@dataclass(frozen=True, slots=True)
class Requests:
    """Who of a pair asked."""

    asked: frozenset[UUID] = frozenset()


def ask_for_rematch(requests: Requests, pair: Pair, participant: Participant, event: RematchAsked) -> list[Event]:
    """Take a request. Raises NotFound for who is not in the pair, PairIsOver, RequestIsOpen."""
    if event.participant not in pair:
        raise NotFound
    if pair.over or participant.left:
        raise PairIsOver
    if event.participant in requests.asked:
        raise RequestIsOpen
    return [event]


def evolve(requests: Requests, event: Event) -> Requests:
    """Apply one event."""
    match event:
        case RematchAsked():
            return Requests(requests.asked | {event.participant})
    return requests


REQUESTS = Category("request", Requests(), evolve)
