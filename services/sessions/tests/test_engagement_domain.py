"""Given what happened to a pair, when one side asks for something, then this is decided."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID, uuid4

import pytest

from events.contracts.kinds import Role
from events.runtime.private_events import Event
from events.runtime.refusals import Refusal
from sessions.domain import engagement as domain
from sessions.domain import refusals
from sessions.domain.engagement import (
    ENGAGEMENT,
    AgreementProposed,
    AgreementSigned,
    Engagement,
    EngagementBegun,
    EngagementEnded,
    SessionCancelled,
    SessionDropped,
    SessionLogged,
    SessionPlanned,
    SessionState,
)

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PROGRAM = uuid4()
AUTHOR = uuid4()
TAUGHT = {Role.MENTOR: ("short video",), Role.MENTEE: ("budgeting",)}

BEGUN = EngagementBegun(program=PROGRAM, mentor=uuid4(), mentee=uuid4(), mentor_region="emea", mentee_region="apac")


def proposed(by: Role = Role.MENTOR) -> AgreementProposed:
    return AgreementProposed(
        by=by,
        author=AUTHOR,
        goals=("Understand short video",),
        cadence_days=30,
        when_it_does_not_work="Say so in the next session",
    )


def signed(at: datetime = NOW - 7 * DAY) -> AgreementSigned:
    return AgreementSigned(program=PROGRAM, by=Role.MENTEE, signed_at=at)


def planned(session: UUID, starts_at: datetime, minutes: int = 60) -> SessionPlanned:
    return SessionPlanned(program=PROGRAM, session=session, starts_at=starts_at, minutes=minutes)


def logged(session: UUID, held_at: datetime, number: int = 1, minutes: int = 60) -> SessionLogged:
    return SessionLogged(
        program=PROGRAM,
        session=session,
        number=number,
        held_at=held_at,
        minutes=minutes,
        author=AUTHOR,
        taught=TAUGHT,
    )


def given(*events: Event) -> Engagement:
    return reduce(ENGAGEMENT.evolve, events, ENGAGEMENT.initial)


def plan(engagement: Engagement, starts_at: datetime, minutes: int = 60) -> list[Event]:
    return domain.plan_session(engagement, session=uuid4(), starts_at=starts_at, minutes=minutes, now=NOW)


def log(engagement: Engagement, session: UUID, held_at: datetime, minutes: int = 60) -> list[Event]:
    return domain.log_session(
        engagement, session=session, held_at=held_at, minutes=minutes, taught=TAUGHT, author=AUTHOR, now=NOW
    )


def cancel(engagement: Engagement, session: UUID) -> list[Event]:
    return domain.cancel_session(engagement, session=session, by=Role.MENTEE, author=AUTHOR, reason="Board meeting")


def sign(engagement: Engagement, by: Role) -> list[Event]:
    return domain.sign_agreement(engagement, by=by, now=NOW)


def test_an_engagement_begins_once() -> None:
    assert domain.begin(given(), BEGUN, somebody_left=False) == [BEGUN]
    assert domain.begin(given(BEGUN), BEGUN, somebody_left=False) == []


def test_an_engagement_that_somebody_left_before_it_was_known_begins_and_ends_at_once() -> None:
    assert domain.begin(given(), BEGUN, somebody_left=True) == [BEGUN, EngagementEnded()]


def test_the_other_side_signs_what_one_side_proposed() -> None:
    engagement = given(BEGUN, *domain.propose_agreement(given(BEGUN), proposed(Role.MENTEE)))
    assert sign(engagement, Role.MENTOR) == [AgreementSigned(program=PROGRAM, by=Role.MENTOR, signed_at=NOW)]


def test_whoever_proposed_has_signed_already() -> None:
    with pytest.raises(refusals.SignedByYou):
        sign(given(BEGUN, proposed(Role.MENTOR)), Role.MENTOR)


def test_there_is_nothing_to_sign_before_a_proposal() -> None:
    with pytest.raises(refusals.NothingToSign):
        sign(given(BEGUN), Role.MENTOR)


def test_a_proposal_replaces_an_unsigned_one_and_its_signature() -> None:
    engagement = given(BEGUN, proposed(Role.MENTOR), *domain.propose_agreement(given(BEGUN), proposed(Role.MENTEE)))
    with pytest.raises(refusals.SignedByYou):
        sign(engagement, Role.MENTEE)
    assert sign(engagement, Role.MENTOR) != []


@pytest.mark.parametrize(
    "again",
    [lambda e: domain.propose_agreement(e, proposed()), lambda e: sign(e, Role.MENTEE)],
    ids=["propose", "sign"],
)
def test_an_agreement_that_both_signed_stays(again: Callable[[Engagement], list[Event]]) -> None:
    with pytest.raises(refusals.AlreadyAgreed):
        again(given(BEGUN, proposed(), signed()))


def test_a_session_may_be_planned_before_the_agreement() -> None:
    [event] = plan(given(BEGUN), NOW + DAY, 45)
    assert isinstance(event, SessionPlanned)
    assert (event.starts_at, event.minutes, event.program) == (NOW + DAY, 45, PROGRAM)


@pytest.mark.parametrize(
    ("starts_at", "minutes", "refusal"),
    [
        (NOW, 60, refusals.NotInTheFuture),
        (NOW - DAY, 60, refusals.NotInTheFuture),
        (NOW + domain.FARTHEST_AHEAD + HOUR, 60, refusals.TooFarAhead),
        (NOW + DAY, 14, refusals.LengthOutsideLimits),
        (NOW + DAY, 241, refusals.LengthOutsideLimits),
    ],
)
def test_a_plan_keeps_to_the_limits(starts_at: datetime, minutes: int, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        plan(given(BEGUN), starts_at, minutes)


def test_plans_do_not_overlap_and_may_touch() -> None:
    engagement = given(BEGUN, planned(uuid4(), NOW + DAY, 60))
    for starts_at, minutes in ((NOW + DAY, 60), (NOW + DAY - HOUR, 61), (NOW + DAY + HOUR / 2, 15)):
        with pytest.raises(refusals.OverlapsPlan):
            plan(engagement, starts_at, minutes)
    assert plan(engagement, NOW + DAY + HOUR) != []
    assert plan(engagement, NOW + DAY - HOUR) != []


def test_a_cancelled_session_leaves_its_place_free() -> None:
    session = uuid4()
    engagement = given(BEGUN, planned(session, NOW + DAY))
    assert plan(given(BEGUN, planned(session, NOW + DAY), *cancel(engagement, session)), NOW + DAY) != []


def test_a_pair_keeps_a_limited_number_of_sessions_open() -> None:
    full = [planned(uuid4(), NOW + day * DAY) for day in range(1, domain.MOST_PLANNED + 1)]
    assert plan(given(BEGUN, *full[:-1]), NOW + 100 * DAY) != []
    with pytest.raises(refusals.TooManyPlanned):
        plan(given(BEGUN, *full), NOW + 100 * DAY)


def test_a_cancellation_keeps_who_and_why_for_itself() -> None:
    session = uuid4()
    assert cancel(given(BEGUN, planned(session, NOW + DAY)), session) == [
        SessionCancelled(program=PROGRAM, session=session, by=Role.MENTEE, author=AUTHOR, reason="Board meeting")
    ]
    assert SessionCancelled.personal == {"reason": "author"}


def test_sessions_are_numbered_as_they_are_logged() -> None:
    first, second = uuid4(), uuid4()
    engagement = given(
        BEGUN,
        proposed(),
        signed(),
        planned(second, NOW - DAY),
        planned(first, NOW - 2 * DAY),
        logged(first, NOW - 2 * DAY),
    )
    [event] = log(engagement, second, NOW - DAY, 50)
    assert event == logged(second, NOW - DAY, number=2, minutes=50)


def test_nothing_is_logged_before_both_signed() -> None:
    session = uuid4()
    for so_far in ((), (proposed(),)):
        with pytest.raises(refusals.NotAgreed):
            log(given(BEGUN, planned(session, NOW - DAY), *so_far), session, NOW - DAY)


def test_a_session_held_before_the_agreement_is_none_of_the_program() -> None:
    session = uuid4()
    engagement = given(BEGUN, proposed(), signed(NOW - DAY), planned(session, NOW - DAY))
    with pytest.raises(refusals.BeforeAgreement):
        log(engagement, session, NOW - DAY - HOUR)
    assert log(engagement, session, NOW - DAY) != []


def test_a_session_is_logged_only_when_it_is_over() -> None:
    session = uuid4()
    engagement = given(BEGUN, proposed(), signed(), planned(session, NOW + DAY))
    with pytest.raises(refusals.NotYetHeld):
        log(engagement, session, NOW + timedelta(seconds=1))
    with pytest.raises(refusals.NotYetHeld):
        log(engagement, session, NOW - timedelta(minutes=1), minutes=600)
    with pytest.raises(refusals.NotYetHeld):
        log(engagement, session, NOW - timedelta(minutes=59))
    assert log(engagement, session, NOW - timedelta(minutes=60)) != []


def test_a_session_is_logged_once() -> None:
    session = uuid4()
    engagement = given(BEGUN, proposed(), signed(), planned(session, NOW - DAY), logged(session, NOW - DAY))
    with pytest.raises(refusals.AlreadyLogged):
        log(engagement, session, NOW - HOUR)
    with pytest.raises(refusals.AlreadyLogged):
        cancel(engagement, session)


def test_two_sessions_are_not_held_at_the_same_time() -> None:
    first, second = uuid4(), uuid4()
    held_at = NOW - DAY
    engagement = given(
        BEGUN, proposed(), signed(), planned(first, held_at), planned(second, held_at + HOUR), logged(first, held_at)
    )
    with pytest.raises(refusals.OverlapsHeldSession):
        log(engagement, second, held_at + HOUR / 2)
    assert log(engagement, second, held_at + HOUR) != []


@pytest.mark.parametrize("settle", [cancel, lambda e, session: log(e, session, NOW - DAY)], ids=["cancel", "log"])
def test_only_a_planned_session_is_cancelled_or_logged(
    settle: Callable[[Engagement, UUID], list[Event]],
) -> None:
    session = uuid4()
    cancelled = SessionDropped(program=PROGRAM, session=session)
    for engagement in (
        given(BEGUN, proposed(), signed()),
        given(BEGUN, proposed(), signed(), planned(session, NOW - DAY), cancelled),
    ):
        with pytest.raises(refusals.NotPlanned):
            settle(engagement, session)


def test_the_end_drops_what_is_open_and_keeps_what_was_held() -> None:
    held, first, second = uuid4(), uuid4(), uuid4()
    engagement = given(
        BEGUN,
        proposed(),
        signed(),
        planned(held, NOW - DAY),
        planned(first, NOW + DAY),
        planned(second, NOW + 2 * DAY),
        logged(held, NOW - DAY),
    )
    ending = domain.end(engagement)
    assert ending == [
        SessionDropped(program=PROGRAM, session=first),
        SessionDropped(program=PROGRAM, session=second),
        EngagementEnded(),
    ]
    after = reduce(ENGAGEMENT.evolve, ending, engagement)
    assert [session.state for session in after.sessions.values()] == [
        SessionState.HELD,
        SessionState.CANCELLED,
        SessionState.CANCELLED,
    ]
    assert domain.end(after) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda e: domain.propose_agreement(e, proposed()),
        lambda e: sign(e, Role.MENTEE),
        lambda e: plan(e, NOW + DAY),
        lambda e: cancel(e, uuid4()),
        lambda e: log(e, uuid4(), NOW),
    ],
    ids=["propose", "sign", "plan", "cancel", "log"],
)
def test_a_pair_that_meets_no_more_changes_nothing(ask: Callable[[Engagement], list[Event]]) -> None:
    with pytest.raises(refusals.EngagementOver):
        ask(given(BEGUN, proposed(), EngagementEnded()))
