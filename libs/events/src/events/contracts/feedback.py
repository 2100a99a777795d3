"""What feedback tells: that somebody answered (not who, not what), and that a pair wants another match."""

from typing import ClassVar

from events.contracts.kinds import Day, Instrument, PairId, ProgramId, Region
from events.contracts.registry import Audience, PublishedEvent


class FeedbackPublic(PublishedEvent):
    """Any system may subscribe: `viceversa.feedback.v1`."""

    producer: ClassVar[str] = "feedback"
    audience: ClassVar[Audience] = Audience.PUBLIC


class FeedbackRestricted(PublishedEvent):
    """For the platform's own services: `viceversa.feedback.restricted.v1`."""

    producer: ClassVar[str] = "feedback"
    audience: ClassVar[Audience] = Audience.RESTRICTED


class FeedbackSubmitted(FeedbackPublic):
    """One sheet was answered on a day. Appended in the hour's batch under a random key: it leads back to nobody."""

    type: ClassVar[str] = "viceversa.FeedbackSubmitted.v1"
    program: ProgramId
    region: Region
    instrument: Instrument
    day: Day


class RematchRequested(FeedbackRestricted):
    """Somebody of a pair asks for another match; who is not said. Matching ends the pair in the hour's batch."""

    type: ClassVar[str] = "viceversa.RematchRequested.v1"
    pair: PairId
    program: ProgramId
