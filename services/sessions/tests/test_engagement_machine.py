"""Whatever two people try in whatever order, a pair's history stays possible."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import ClassVar
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events.contracts.kinds import Role
from events.runtime.private_events import Event
from events.runtime.refusals import Refusal
from events.testing.histories import histories
from sessions.domain import engagement as domain
from sessions.domain.engagement import (
    ENGAGEMENT,
    AgreementProposed,
    AgreementSigned,
    EngagementBegun,
    EngagementEnded,
    SessionCancelled,
    SessionDropped,
    SessionLogged,
    SessionPlanned,
)

START = datetime(2027, 1, 1, tzinfo=UTC)
AUTHOR = uuid4()
SIDES = st.sampled_from(Role)
# Coarse and close together, so that plans and logs often collide.
AHEAD = st.integers(-1, 24).map(lambda halves: timedelta(minutes=30 * halves))
AGO = st.integers(-1, 8).map(lambda halves: timedelta(minutes=30 * halves))
LENGTHS = st.sampled_from([15, 30, 45, 90, 240])


class PairOfPeople(RuleBasedStateMachine):
    """Two sides who follow no rules; the invariants look at the events alone, not at the state."""

    sessions = Bundle("sessions")
    seen: ClassVar[Counter[type[Event]]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.engagement = ENGAGEMENT.initial
        self.events: list[Event] = []

    def _record(self, events: list[Event]) -> None:
        self.events += events
        for event in events:
            self.engagement = ENGAGEMENT.evolve(self.engagement, event)

    @initialize(agreed=st.booleans())
    def begin(self, *, agreed: bool) -> None:
        begun = EngagementBegun(
            program=uuid4(), mentor=uuid4(), mentee=uuid4(), mentor_region="emea", mentee_region="emea"
        )
        self._record(domain.begin(self.engagement, begun, somebody_left=False))
        if agreed:
            self.propose(Role.MENTOR)
            self.sign(Role.MENTEE)

    @rule(hours=st.integers(1, 12))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(by=SIDES)
    def propose(self, by: Role) -> None:
        proposal = AgreementProposed(by=by, author=AUTHOR, goals=("Learn",), cadence_days=30)
        try:
            self._record(domain.propose_agreement(self.engagement, proposal))
        except Refusal:
            return

    @rule(by=SIDES)
    def sign(self, by: Role) -> None:
        try:
            self._record(domain.sign_agreement(self.engagement, by=by, now=self.now))
        except Refusal:
            return

    @rule(target=sessions, ahead=AHEAD, minutes=LENGTHS)
    def plan(self, ahead: timedelta, minutes: int) -> UUID:
        session = uuid4()
        try:
            self._record(
                domain.plan_session(
                    self.engagement, session=session, starts_at=self.now + ahead, minutes=minutes, now=self.now
                )
            )
        except Refusal:
            return multiple()
        return session

    @rule(session=sessions, by=SIDES)
    def cancel(self, session: UUID, by: Role) -> None:
        try:
            self._record(domain.cancel_session(self.engagement, session=session, by=by, author=AUTHOR, reason=None))
        except Refusal:
            return

    @rule(session=sessions, ago=AGO, minutes=LENGTHS)
    def log(self, session: UUID, ago: timedelta, minutes: int) -> None:
        try:
            self._record(
                domain.log_session(
                    self.engagement,
                    session=session,
                    held_at=self.now - ago,
                    minutes=minutes,
                    taught={Role.MENTOR: ("video",)},
                    author=AUTHOR,
                    now=self.now,
                )
            )
        except Refusal:
            return

    @rule(ahead=AHEAD, ago=AGO, minutes=LENGTHS)
    def meet(self, ahead: timedelta, ago: timedelta, minutes: int) -> None:
        """What pairs mostly do. Without it few runs would come to a second log."""
        session = self.plan(ahead, minutes)
        self.now += max(ahead, timedelta())
        if isinstance(session, UUID):
            self.log(session, ago, minutes)

    @rule()
    def the_pair_is_told_of_again(self) -> None:
        """A redelivery, perhaps after the end."""
        again = EngagementBegun(
            program=uuid4(), mentor=uuid4(), mentee=uuid4(), mentor_region="emea", mentee_region="emea"
        )
        assert domain.begin(self.engagement, again, somebody_left=True) == []

    @precondition(lambda self: len(self.events) > 12)
    @rule()
    def somebody_leaves(self) -> None:
        self._record(domain.end(self.engagement))

    def _of(self, *types: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, types)]

    @invariant()
    def nobody_is_in_two_logged_sessions_at_once(self) -> None:
        logs = sorted(self._of(SessionLogged), key=lambda log: log.held_at)
        for one, next_one in pairwise(logs):
            assert one.held_at + timedelta(minutes=one.minutes) <= next_one.held_at

    @invariant()
    def a_session_is_settled_once_and_was_planned(self) -> None:
        planned = [event.session for event in self._of(SessionPlanned)]
        settled = [event.session for event in self._of(SessionLogged, SessionCancelled, SessionDropped)]
        assert len(settled) == len(set(settled))
        assert set(settled) <= set(planned)

    @invariant()
    def logs_are_numbered_without_a_gap(self) -> None:
        numbers = [log.number for log in self._of(SessionLogged)]
        assert numbers == list(range(1, len(numbers) + 1))

    @invariant()
    def no_log_is_older_than_the_agreement_or_lies_ahead(self) -> None:
        logs = self._of(SessionLogged)
        if not logs:
            return
        [agreed] = self._of(AgreementSigned)
        assert self.events.index(agreed) < self.events.index(logs[0])
        assert all(agreed.signed_at <= log.held_at for log in logs)
        assert all(log.held_at + timedelta(minutes=log.minutes) <= self.now for log in logs)

    @invariant()
    def open_sessions_are_few_and_apart(self) -> None:
        settled = {event.session for event in self._of(SessionLogged, SessionCancelled, SessionDropped)}
        open_ones = sorted(
            (event for event in self._of(SessionPlanned) if event.session not in settled), key=lambda e: e.starts_at
        )
        assert len(open_ones) <= domain.MOST_PLANNED
        for one, next_one in pairwise(open_ones):
            assert one.starts_at + timedelta(minutes=one.minutes) <= next_one.starts_at

    @invariant()
    def nothing_follows_the_end(self) -> None:
        if self._of(EngagementEnded):
            assert isinstance(self.events[-1], EngagementEnded)
            assert not any(True for _ in self.engagement.in_state(domain.SessionState.PLANNED))

    def teardown(self) -> None:
        self.seen.update(map(type, self.events))


def test_a_pairs_history_stays_possible_whatever_two_people_try() -> None:
    PairOfPeople.seen.clear()
    run_state_machine_as_test(PairOfPeople, settings=histories(100, steps=40))
    # Invariants over what never happened would hold of anything.
    logged = {SessionLogged, SessionCancelled, SessionDropped}
    assert logged | {AgreementProposed, AgreementSigned, SessionPlanned, EngagementEnded} <= set(PairOfPeople.seen)
