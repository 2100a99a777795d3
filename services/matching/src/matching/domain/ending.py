"""That a pair is to end, and when.

Kept apart from the pair, whose version everybody in it can see: until the hour's batch, nothing that they can read
tells that somebody asked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID, uuid5

from pydantic import AwareDatetime

from events.runtime.private_events import Event
from events.runtime.streams import Category, Stream
from matching.domain.pair import Pair
from matching.domain.pair import State as PairState

HOUR = timedelta(hours=1)


class EndDue(Event):
    """The pair ends in the batch of this hour. By whose wish, and why, is not kept."""

    type: ClassVar[str] = "EndDue"
    pair: UUID
    program: UUID
    due_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Ending:
    """Whether a pair's end is due."""

    due_at: datetime | None = None


def next_full_hour(now: datetime) -> datetime:
    """The first full hour after now."""
    return now.replace(minute=0, second=0, microsecond=0) + HOUR


def let_end(ending: Ending, pair: Pair, now: datetime) -> list[Event]:
    """Let a pair end at the next full hour; nothing for one that does not exist (any more) or ends already."""
    if ending.due_at is not None or pair.proposed is None or pair.state is not PairState.CREATED:
        return []
    proposed = pair.proposed
    return [EndDue(pair=proposed.pair, program=proposed.program, due_at=next_full_hour(now))]


def evolve(ending: Ending, event: Event) -> Ending:
    """Apply one event."""
    match event:
        case EndDue():
            return Ending(event.due_at)
    return ending


ENDING = Category("ending", Ending(), evolve)


def ending_stream(pair: UUID) -> Stream[Ending]:
    """The end of a pair."""
    return ENDING.stream(uuid5(pair, "ending"))
