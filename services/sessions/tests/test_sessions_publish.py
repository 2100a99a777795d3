"""What others hear, and what they never hear."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from events.contracts import sessions as contracts
from events.contracts.kinds import Role
from events.contracts.registry import Audience, PublishedEvent
from events.runtime.private_events import Event, Recorded
from sessions import domain
from sessions.publish import PUBLICATIONS

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
PAIR, PROGRAM, SESSION, AUTHOR = uuid4(), uuid4(), uuid4(), uuid4()
SECRET = "who-said-what"


def published(event: Event) -> list[PublishedEvent]:
    recorded = Recorded(uuid4(), PAIR, 7, event, NOW, PAIR, None, None)
    made = [publish(recorded) for publish in PUBLICATIONS.get(type(event), ())]
    return [event for event in made if event is not None]


def cancelled(by: Role) -> domain.SessionCancelled:
    return domain.SessionCancelled(program=PROGRAM, session=SESSION, by=by, author=AUTHOR, reason=SECRET)


def logged(program: UUID = PROGRAM) -> domain.SessionLogged:
    return domain.SessionLogged(
        program=program,
        session=SESSION,
        number=3,
        held_at=NOW,
        minutes=50,
        author=AUTHOR,
        taught={Role.MENTOR: (SECRET,)},
    )


def test_a_signed_agreement_is_told_without_what_was_agreed() -> None:
    assert published(domain.AgreementSigned(program=PROGRAM, by=Role.MENTEE, signed_at=NOW)) == [
        contracts.AgreementSigned(pair=PAIR, program=PROGRAM)
    ]


def test_a_held_session_is_told_by_its_number_and_length() -> None:
    assert published(logged()) == [contracts.SessionLogged(pair=PAIR, program=PROGRAM, number=3, minutes=50)]


def test_a_planned_session_is_told_to_the_platforms_own_services_only() -> None:
    [event] = published(domain.SessionPlanned(program=PROGRAM, session=SESSION, starts_at=NOW, minutes=50))
    assert event == contracts.SessionScheduled(pair=PAIR, program=PROGRAM, session=SESSION, starts_at=NOW, minutes=50)
    assert event.audience is Audience.RESTRICTED


def test_nobody_can_tell_from_a_cancellation_who_cancelled_or_whether_anybody_did() -> None:
    dropped = domain.SessionDropped(program=PROGRAM, session=SESSION)
    assert published(cancelled(Role.MENTOR)) == published(cancelled(Role.MENTEE)) == published(dropped)
    assert published(dropped) == [contracts.SessionCancelled(pair=PAIR, program=PROGRAM, session=SESSION)]


def test_a_proposal_and_the_end_are_not_told_at_all() -> None:
    proposal = domain.AgreementProposed(by=Role.MENTOR, author=AUTHOR, cadence_days=30, goals=(SECRET,))
    for event in (proposal, domain.EngagementEnded(), domain.ParticipantLeft()):
        assert published(event) == []


@pytest.mark.parametrize("event", [cancelled(Role.MENTOR), logged()], ids=["cancelled", "logged"])
def test_no_text_and_no_author_leaves(event: Event) -> None:
    for contract in published(event):
        text = contract.model_dump_json()
        assert SECRET not in text
        assert str(AUTHOR) not in text
