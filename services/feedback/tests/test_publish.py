"""What leaves feedback: that somebody answered, and requests for another match. Nothing else does."""

from datetime import UTC, date, datetime
from uuid import uuid4

from events.contracts.feedback import FeedbackSubmitted, RematchRequested
from events.contracts.registry import Audience, all_event_types
from events.runtime.private_events import Recorded
from feedback.domain.request import RematchAsked
from feedback.domain.submission import SubmissionAnnounced
from feedback.publish import PUBLICATIONS

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def published(event):
    recorded = Recorded(uuid4(), uuid4(), 1, event, NOON, None, None, None)
    return [publish(recorded) for publish in PUBLICATIONS[type(event)]]


def test_a_submission_tells_program_region_instrument_and_day_only():
    told = SubmissionAnnounced(program=uuid4(), region="emea", instrument="pulse", day=date(2027, 3, 1))
    assert published(told) == [
        FeedbackSubmitted(program=told.program, region="emea", instrument="pulse", day=date(2027, 3, 1))
    ]


def test_a_request_is_restricted_and_tells_neither_who_asked_nor_why():
    asked = RematchAsked(pair=uuid4(), program=uuid4(), participant=uuid4(), author=uuid4(), reason="No trust")
    [requested] = published(asked)
    assert requested == RematchRequested(pair=asked.pair, program=asked.program)
    assert requested.audience is Audience.RESTRICTED
    told = requested.model_dump_json()
    assert [secret for secret in ("No trust", str(asked.participant), str(asked.author)) if secret in told] == []


def test_every_contract_of_feedback_is_published_by_one_private_event():
    contracts = {contract for contract in all_event_types() if contract.producer == "feedback"}
    assert contracts == {FeedbackSubmitted, RematchRequested}
    assert set(PUBLICATIONS) == {SubmissionAnnounced, RematchAsked}
