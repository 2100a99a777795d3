"""Whatever two people try, and in whatever order others are heard, a pair's history stays possible."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from events.contracts.enrollment import ParticipantWithdrawn
from events.contracts.kinds import Role
from events.contracts.matching import PairCreated, PairEnded
from events.contracts.registry import PublishedEvent
from events.runtime.private_events import Event
from events.runtime.refusals import NotFound, Refusal
from events.runtime.streams import Command
from events.testing.histories import histories
from events.testing.memory import Memory
from sessions import commands
from sessions.domain.engagement import (
    ENGAGEMENT,
    FARTHEST_AHEAD,
    MOST_PLANNED,
    AgreementProposed,
    AgreementSigned,
    EngagementBegun,
    EngagementEnded,
    SessionCancelled,
    SessionDropped,
    SessionLogged,
)
from sessions.domain.participation import PARTICIPATION, EngagementJoined, ParticipantLeft
from sessions.publish import PUBLICATIONS
from sessions.subscribers import REACTIONS

START = datetime(2027, 1, 1, tzinfo=UTC)
SIDES, PAIR, WHICH = st.sampled_from(Role), st.integers(0, 1), st.integers(0, 40)
STALE = SELDOM = st.integers(0, 4).map(lambda drawn: drawn == 1)
# Coarse and close together, so that plans and logs often collide.
AHEAD = st.integers(-1, 24).map(lambda halves: timedelta(minutes=30 * halves))
AGO = st.integers(-1, 8).map(lambda halves: timedelta(minutes=30 * halves))
LENGTHS = st.sampled_from([15, 30, 45, 90, 240])


@dataclass
class Meeting:
    """A session; its times are those of the plan until it is held."""

    starts_at: datetime
    minutes: int
    state: str = "planned"

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)

    def collides(self, other: "Meeting") -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass
class Two:
    """A pair, by what was told of it and what its sides were let do."""

    created: PairCreated
    begun: bool = False
    over: bool = False
    proposed_by: Role | None = None
    signed_at: datetime | None = None
    meetings: dict[UUID, Meeting] = field(default_factory=dict)

    @property
    def goes_on(self) -> bool:
        return self.begun and not self.over

    def those(self, state: str) -> list[UUID]:
        return [session for session, meeting in self.meetings.items() if meeting.state == state]

    def free_at(self, wanted: Meeting, state: str) -> bool:
        return not any(self.meetings[session].collides(wanted) for session in self.those(state))


class Pairs(RuleBasedStateMachine):
    """Two pairs with one mentor in both. The model says of each message and each wish what has to follow."""

    seen: ClassVar[Counter[str]] = Counter()

    @initialize(agreed=st.booleans())
    def begin(self, *, agreed: bool) -> None:
        self.memory, self.now = Memory(REACTIONS), START
        program, mentor = uuid4(), uuid4()
        sides = {"program": program, "mentor": mentor, "mentor_region": "emea", "mentee_region": "apac"}
        self.twos = [Two(PairCreated(pair=uuid4(), mentee=uuid4(), **sides)) for _ in range(2)]
        self.left: set[UUID] = set()
        self.waiting: list[PublishedEvent] = []
        if agreed:
            self.a_pair_begins_and_agrees(0, Role.MENTOR)

    # What other services tell, in any order, again and again

    @rule(which=PAIR)
    def a_pair_is_created(self, which: int) -> None:
        self._hear(self.twos[which].created)

    @rule(which=PAIR, really=SELDOM)
    def a_pair_ends(self, which: int, *, really: bool) -> None:
        """Perhaps before anything else is known of it: then this waits."""
        two = self.twos[which]
        if really or two.over:
            self._hear(PairEnded(pair=two.created.pair, program=two.created.program))

    @rule(which=PAIR, by=SIDES, really=SELDOM)
    def somebody_leaves(self, which: int, by: Role, *, really: bool) -> None:
        """Perhaps before it is known that they are in a pair."""
        told = self.twos[which].created
        leaver = told.mentor if by is Role.MENTOR else told.mentee
        if really or leaver in self.left:
            self._hear(ParticipantWithdrawn(participant=leaver, program=told.program))

    @rule(which=PAIR, by=SIDES, end_first=SELDOM, leave_first=SELDOM)
    def a_pair_is_heard_of_from_its_end_to_its_beginning(
        self, which: int, by: Role, *, end_first: bool, leave_first: bool
    ) -> None:
        self.a_pair_ends(which, really=end_first)
        self.somebody_leaves(which, by, really=leave_first)
        self.a_pair_is_created(which)

    def _hear(self, event: PublishedEvent) -> None:
        for told in (event, *self.waiting):
            expected = self._expected(told)
            try:
                appended = self.memory.hear(told, at=self.now)
            except NotFound:
                assert expected is None
                self.waiting += [event] if told is event else []
                self.seen["waited"] += 1
            else:
                assert Counter(map(type, appended)) == expected
                if told is not event:
                    self.waiting.remove(told)

    def _expected(self, event: PublishedEvent) -> Counter[type[Event]] | None:
        """What has to follow by kind; None for a message that has to wait."""
        expected: Counter[type[Event]] = Counter()
        match event:
            case PairCreated():
                [two] = [two for two in self.twos if two.created == event]
                if not two.begun:
                    expected.update([EngagementBegun, EngagementJoined, EngagementJoined])
                    two.begun = True
                    if {event.mentor, event.mentee} & self.left:
                        expected += self._ends(two)
                        self.seen["over from the start"] += 1
            case PairEnded():
                [two] = [two for two in self.twos if two.created.pair == event.pair]
                if not two.begun:
                    return None
                expected += self._ends(two)
            case ParticipantWithdrawn():
                expected[ParticipantLeft] += event.participant not in self.left
                self.left.add(event.participant)
                for two in self.twos:
                    if two.begun and event.participant in {two.created.mentor, two.created.mentee}:
                        expected += self._ends(two)
        return +expected

    def _ends(self, two: Two) -> Counter[type[Event]]:
        if two.over:
            return Counter()
        two.over = True
        dropped = two.those("planned")
        for session in dropped:
            two.meetings[session].state = "dropped"
        return Counter({SessionDropped: len(dropped), EngagementEnded: 1})

    # What the two try

    def attempt(self, two: Two, command: Any, *, fits: bool, stale: bool) -> bool:
        """Whether it was carried out; the model says which it has to be. `command` takes the version that was read."""
        version = self.memory.version(ENGAGEMENT.stream(two.created.pair))
        made: Command = command(expected=version - stale, now=self.now)
        if fits and two.goes_on and not stale:
            assert len(self.memory.run(made)) == 1
            return True
        before = len(self.memory.log)
        with pytest.raises(Refusal if two.begun else NotFound):
            self.memory.run(made)
        assert len(self.memory.log) == before, "a refusal leaves nothing behind"
        self.seen["refused"] += 1
        return False

    @rule(which=PAIR, by=SIDES, stale=STALE)
    def somebody_proposes_an_agreement(self, which: int, by: Role, *, stale: bool) -> None:
        two = self.twos[which]
        proposal = AgreementProposed(by=by, author=uuid4(), goals=("marked goal",), cadence_days=30)
        fits = two.signed_at is None

        def command(**read: Any) -> Command:
            return commands.propose_agreement(two.created.pair, proposal, actor=proposal.author, **read)

        if self.attempt(two, command, fits=fits, stale=stale):
            two.proposed_by = by

    @rule(which=PAIR, by=SIDES, stale=STALE)
    def somebody_signs_it(self, which: int, by: Role, *, stale: bool) -> None:
        two = self.twos[which]
        fits = two.signed_at is None and two.proposed_by not in {None, by}

        def command(**read: Any) -> Command:
            return commands.sign_agreement(two.created.pair, by=by, actor=uuid4(), **read)

        if self.attempt(two, command, fits=fits, stale=stale):
            two.signed_at = self.now

    @rule(which=PAIR, by=SIDES)
    def a_pair_begins_and_agrees(self, which: int, by: Role) -> None:
        """What mostly happens; by single steps few histories would come to a log."""
        self.a_pair_is_created(which)
        self.somebody_proposes_an_agreement(which, by, stale=False)
        for side in Role:
            self.somebody_signs_it(which, side, stale=False)

    @rule(which=PAIR, ahead=st.one_of(AHEAD, st.just(FARTHEST_AHEAD)), minutes=LENGTHS, stale=STALE)
    def a_session_is_planned(self, which: int, ahead: timedelta, minutes: int, *, stale: bool) -> None:
        two, session, wanted = self.twos[which], uuid4(), Meeting(self.now + ahead, minutes)
        fits = ahead > timedelta() and two.free_at(wanted, "planned") and len(two.those("planned")) < MOST_PLANNED

        def command(**read: Any) -> Command:
            return commands.plan_session(
                two.created.pair, session, starts_at=wanted.starts_at, minutes=minutes, actor=uuid4(), **read
            )

        if self.attempt(two, command, fits=fits, stale=stale):
            two.meetings[session] = wanted

    @rule(which=PAIR, really=st.booleans())
    def a_calendar_fills(self, which: int, *, really: bool) -> None:
        wanted = MOST_PLANNED + 1 - len(self.twos[which].those("planned"))
        for day in range(wanted if really and self.twos[which].goes_on else 0):
            self.a_session_is_planned(which, timedelta(days=10 + day, hours=self.now.hour), 30, stale=False)
        self.seen["calendar full"] += len(self.twos[which].those("planned")) == MOST_PLANNED

    @rule(which=PAIR, session=WHICH, by=SIDES, stale=STALE)
    def a_session_is_cancelled(self, which: int, session: int, by: Role, *, stale: bool) -> None:
        two = self.twos[which]
        self._cancel(two, self._some(two, session), by, stale=stale)

    @rule(which=PAIR, session=WHICH, by=SIDES, ago=AGO)
    def a_cancelled_session_is_cancelled_or_logged_once_more(
        self, which: int, session: int, by: Role, ago: timedelta
    ) -> None:
        two = self.twos[which]
        self.a_session_is_cancelled(which, session, by, stale=False)
        if cancelled := two.those("cancelled"):
            self._cancel(two, cancelled[session % len(cancelled)], by, stale=False)
            self._log(two, cancelled[session % len(cancelled)], Meeting(self.now - ago, 30), stale=False)

    @rule(which=PAIR, session=WHICH, ago=AGO, minutes=LENGTHS, stale=STALE)
    def a_session_is_logged(self, which: int, session: int, ago: timedelta, minutes: int, *, stale: bool) -> None:
        two = self.twos[which]
        self._log(two, self._some(two, session), Meeting(self.now - ago, minutes), stale=stale)

    def _some(self, two: Two, number: int) -> UUID:
        """A session that is planned, held, cancelled, dropped or was never known; mostly a planned one."""
        known = [*two.those("planned"), *two.meetings, uuid4()]
        return known[number % len(known)]

    def _cancel(self, two: Two, session: UUID, by: Role, *, stale: bool) -> None:
        def command(**read: Any) -> Command:
            return commands.cancel_session(two.created.pair, session, by=by, reason="marked", actor=uuid4(), **read)

        if self.attempt(two, command, fits=session in two.those("planned"), stale=stale):
            two.meetings[session].state = "cancelled"

    def _log(self, two: Two, session: UUID, held: Meeting, *, stale: bool) -> None:
        agreed = two.signed_at is not None and two.signed_at <= held.starts_at
        fits = session in two.those("planned") and agreed and held.ends_at <= self.now and two.free_at(held, "held")

        def command(**read: Any) -> Command:
            when: dict[str, Any] = {"held_at": held.starts_at, "minutes": held.minutes}
            taught = {Role.MENTOR: ("marked topic",)}
            return commands.log_session(two.created.pair, session, taught=taught, actor=uuid4(), **when, **read)

        if self.attempt(two, command, fits=fits, stale=stale):
            two.meetings[session] = replace(held, state="held")

    @rule(which=PAIR, ahead=AHEAD, ago=AGO, minutes=LENGTHS)
    def they_meet(self, which: int, ahead: timedelta, ago: timedelta, minutes: int) -> None:
        """What pairs mostly do. Without it few histories would come to a second log."""
        self.a_session_is_planned(which, ahead, minutes, stale=False)
        self.now += max(ahead, timedelta())
        self.a_session_is_logged(which, 0, ago, minutes, stale=False)

    @rule(which=PAIR, minutes=LENGTHS, later_first=st.booleans())
    def they_meet_twice_without_a_break(self, which: int, minutes: int, *, later_first: bool) -> None:
        """Sessions that touch do not overlap, whichever is planned and logged first."""
        two, length = self.twos[which], timedelta(minutes=minutes)
        starts = [self.now + length, self.now + 2 * length]
        planned = len(two.meetings)
        for starts_at in reversed(starts) if later_first else starts:
            self.a_session_is_planned(which, starts_at - self.now, minutes, stale=False)
        self.now += 3 * length
        for session in list(two.meetings)[planned:]:
            self._log(two, session, replace(two.meetings[session]), stale=False)

    @rule(hours=st.integers(1, 12))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    # What always holds

    def _of(self, two: Two, *types: type[Event]) -> list[Any]:
        return [
            each.event
            for each in self.memory.log
            if each.stream_id == two.created.pair and isinstance(each.event, types)
        ]

    @invariant()
    def nobody_is_in_two_logged_sessions_of_a_pair_at_once(self) -> None:
        """Domain: no double or overlapping log; numbers rise without a gap."""
        for two in self.twos:
            logs = self._of(two, SessionLogged)
            assert [log.number for log in logs] == list(range(1, len(logs) + 1))
            assert len({log.session for log in logs}) == len(logs)
            for one, following in pairwise(sorted(logs, key=lambda log: log.held_at)):
                assert one.held_at + timedelta(minutes=one.minutes) <= following.held_at

    @invariant()
    def a_session_is_settled_once_and_stays_so(self) -> None:
        for two in self.twos:
            settled: dict[type[Event], str] = {
                SessionLogged: "held",
                SessionCancelled: "cancelled",
                SessionDropped: "dropped",
            }
            told = Counter((each.session, settled[type(each)]) for each in self._of(two, *settled))
            assert told == Counter(
                (each, meeting.state) for each, meeting in two.meetings.items() if each not in two.those("planned")
            )
            known = self.memory.state(ENGAGEMENT.stream(two.created.pair)).sessions
            shown = {"dropped": "cancelled"}
            assert {
                each: (session.state.value, session.starts_at, session.minutes) for each, session in known.items()
            } == {
                each: (shown.get(meeting.state, meeting.state), meeting.starts_at, meeting.minutes)
                for each, meeting in two.meetings.items()
            }

    @invariant()
    def the_agreement_comes_before_the_first_log(self) -> None:
        """Domain: and is signed once, by the side that did not propose it."""
        for two in self.twos:
            story = self._of(two, AgreementProposed, AgreementSigned, SessionLogged)
            signed = [number for number, each in enumerate(story) if isinstance(each, AgreementSigned)]
            assert len(signed) == (two.signed_at is not None)
            logs = [number for number, each in enumerate(story) if isinstance(each, SessionLogged)]
            assert not logs or (signed and signed[0] < logs[0])
            if signed:
                assert isinstance(story[signed[0] - 1], AgreementProposed)
                assert story[signed[0] - 1].by is not story[signed[0]].by

    @invariant()
    def nothing_follows_the_end_and_who_left_is_in_nothing_that_goes_on(self) -> None:
        for two in self.twos:
            begun, story = self._of(two, EngagementBegun), self._of(two, Event)
            ends = [number for number, each in enumerate(story) if isinstance(each, EngagementEnded)]
            assert (len(begun), ends) == (two.begun, [len(story) - 1] if two.over else [])
            sides = {two.created.mentor, two.created.mentee}
            assert not (two.goes_on and sides & self.left)
            for side in sides:
                part = self.memory.state(PARTICIPATION.stream(side))
                assert (part.left, two.created.pair in part.engagements) == (side in self.left, two.begun)

    @invariant()
    def nothing_published_says_who_cancelled_what_was_taught_or_why(self) -> None:
        """Trust: a session that was called off and one that fell away look the same."""
        for recorded in self.memory.log:
            for publish in PUBLICATIONS.get(type(recorded.event), ()):
                published = publish(recorded)
                assert published is not None
                assert "marked" not in published.model_dump_json()
                assert not {"by", "author", "taught", "reason", "mentor", "mentee"} & published.model_dump().keys()

    def teardown(self) -> None:
        for two in self.twos:
            self.seen.update(meeting.state for meeting in two.meetings.values())
            self.seen["signed"] += two.signed_at is not None
            self.seen["met again"] += len(two.those("held")) > 1
        self.seen["left both"] += self.twos[0].created.mentor in self.left and all(two.over for two in self.twos)


def test_a_pairs_history_stays_possible_whatever_two_people_try() -> None:
    Pairs.seen.clear()
    run_state_machine_as_test(Pairs, settings=histories(200, steps=40))
    # Invariants over what never happened would hold of anything.
    ends = {"planned", "held", "cancelled", "dropped", "signed", "met again", "left both", "calendar full"}
    assert ends | {"waited", "over from the start", "refused"} <= set(+Pairs.seen)
