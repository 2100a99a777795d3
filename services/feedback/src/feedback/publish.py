"""What of feedback's private events the world hears, and in which words."""

from events.contracts.feedback import FeedbackSubmitted, RematchRequested
from events.runtime.private_events import Recorded
from events.runtime.publishing import Publications
from feedback.domain.request import RematchAsked
from feedback.domain.submission import SubmissionAnnounced


def feedback_submitted(recorded: Recorded[SubmissionAnnounced]) -> FeedbackSubmitted:
    """Somebody answered: not who, not what."""
    told = recorded.event
    return FeedbackSubmitted(program=told.program, region=told.region, instrument=told.instrument, day=told.day)


def rematch_requested(recorded: Recorded[RematchAsked]) -> RematchRequested:
    """A request for another match, for matching alone; who asked and why stay here."""
    asked = recorded.event
    return RematchRequested(pair=asked.pair, program=asked.program)


PUBLICATIONS: Publications = {SubmissionAnnounced: (feedback_submitted,), RematchAsked: (rematch_requested,)}
