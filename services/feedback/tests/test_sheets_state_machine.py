"""In whatever order other services are heard, and however often: everybody is asked what they should be, once."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from events.contracts.enrollment import ParticipantWithdrawn
from events.contracts.kinds import Role
from events.runtime.refusals import NotFound, Refusal
from events.testing.histories import histories
from feedback import commands
from feedback.domain.instruments import BASELINE, CURRENT
from feedback.domain.request import RematchAsked
from feedback.domain.sheet import AnswersAnnounced, Attributes, SheetAnswered, SheetClosed, SheetOpened
from feedback.domain.submission import SubmissionAnnounced
from feedback.publish import PUBLICATIONS

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
SESSIONS = range(1, 4)
WHICH = st.integers(0, 40)


class Feedback(RuleBasedStateMachine):
    """A pair of one program. The model knows who should be asked what, from the messages alone."""

    begin_anew = None
    seen: ClassVar[Counter] = Counter()

    @initialize(begun=st.booleans())
    def begin(self, *, begun):
        self.memory, self.sample = type(self).begin_anew()
        self.now = START
        sample = self.sample
        self.sides = {sample.mentor: Role.MENTOR, sample.mentee: Role.MENTEE}
        self.messages = {
            "opened": sample.program_opened,
            "closed": sample.program_closed,
            "created": sample.pair_created,
            "ended": sample.pair_ended,
            sample.mentor: sample.mentor_withdrawn,
            sample.mentee: ParticipantWithdrawn(participant=sample.mentee, program=sample.program),
            **{number: sample.session_logged(number) for number in SESSIONS},
        }
        self.heard, self.waiting = set(), []
        self.asked, self.state, self.answered_on = {}, {}, {}
        """(participant, number or None) → sheet; sheet → open, answered, closed; sheet → day."""
        self.requested, self.announced = set(), set()
        if begun:
            self.a_pair_begins_and_meets()

    # What other services tell, in any order, again and again

    @rule(which=st.sampled_from(["opened", "created", "ended", "closed", "mentor", "mentee", *SESSIONS]))
    def something_is_heard(self, which):
        which = {"mentor": self.sample.mentor, "mentee": self.sample.mentee}.get(which, which)
        self._hear(which)
        for waiting in list(self.waiting):
            self.waiting.remove(waiting)
            self._hear(waiting)

    @rule()
    def a_pair_begins_and_meets(self):
        """What mostly happens; by single messages few histories would come to an answer."""
        for which in ("opened", "created", 1):
            self.something_is_heard(which)

    def _hear(self, which):
        missing = {"created": "opened", "ended": "created", "closed": "opened"} | dict.fromkeys(SESSIONS, "created")
        before = len(self.memory.log)
        try:
            self.memory.hear(self.messages[which], at=self.now)
        except NotFound:
            assert missing[which] not in self.heard
            self.waiting.append(which)
            self.seen["waited"] += 1
            return
        assert which not in missing or missing[which] in self.heard
        opened = [recorded.event for recorded in self.memory.log[before:] if isinstance(recorded.event, SheetOpened)]
        assert {(sheet.participant, sheet.number) for sheet in opened} == self._should_be_asked(which)
        self._note(which, opened)

    def _should_be_asked(self, which):
        if which in self.heard or "closed" in self.heard:
            return set()
        number = None if which == "created" else which
        if which != "created" and (which not in SESSIONS or "ended" in self.heard):
            return set()
        return {(side, number) for side in self.sides if side not in self.heard}

    def _note(self, which, opened):
        self.heard.add(which)
        for sheet in opened:
            self.asked[sheet.participant, sheet.number] = sheet.sheet
            self.state[sheet.sheet] = "open"
            assert sheet.role is self.sides[sheet.participant]
            told = self.messages["opened"]
            promised = (sheet.rating_threshold, sheet.comment_threshold)
            assert promised == (told.rating_threshold, told.comment_threshold)
        for (participant, number), sheet in self.asked.items():
            closes = participant == which or (which == "ended" and number is not None)
            if closes and self.state[sheet] == "open":
                self.state[sheet] = "closed"

    # What people do

    @rule(which=WHICH, fits=st.integers(0, 3))
    def somebody_answers(self, which, fits):
        if not self.asked:
            return
        (participant, number), sheet = list(self.asked.items())[which % len(self.asked)]
        instrument = BASELINE if number is None else "pulse"
        ratings = dict.fromkeys(CURRENT[instrument].questions[self.sides[participant]], 4)
        if fits == 0:
            ratings.popitem()
        command = commands.answer_sheet(
            sheet, ratings, "frank", attributes=Attributes("emea"), author=uuid4(), now=self.now, expected=None
        )
        if self.state[sheet] != "open" or fits == 0:
            with pytest.raises(Refusal):
                self.memory.run(command)
            return
        self.memory.run(command)
        self.state[sheet] = "answered"
        self.answered_on[sheet] = self.now.date()
        assert (self.memory.log[-1].correlation, self.memory.log[-1].causation) == (None, None)

    @rule(which=WHICH, then=st.sampled_from(["ended", "mentor", "mentee"]))
    def somebody_answers_just_before_the_end(self, which, then):
        """What is answered stays answered, whatever ends."""
        self.somebody_answers(which, fits=1)
        self.something_is_heard(then)

    @rule(mentor=st.booleans(), stranger=st.integers(0, 5))
    def somebody_asks_for_another_match(self, mentor, stranger):
        who = uuid4() if stranger == 0 else self.sample.mentor if mentor else self.sample.mentee
        command = commands.request_rematch(
            self.sample.pair, self.sample.program, who, "private", author=uuid4(), now=self.now
        )
        may = "created" in self.heard and who in self.sides and "ended" not in self.heard and who not in self.heard
        if may and who not in self.requested:
            self.memory.run(command)
            self.requested.add(who)
        else:
            with pytest.raises(Refusal):
                self.memory.run(command)

    # What the clock does

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    @rule(which=WHICH)
    def an_answer_is_announced_at_the_hour_perhaps_twice(self, which):
        if not self.answered_on:
            return
        sheet = sorted(self.answered_on, key=lambda one: one.int)[which % len(self.answered_on)]
        told = self.memory.run(commands.announce_answers(sheet, uuid4(), day=self.answered_on[sheet]))
        assert len(told) == (0 if sheet in self.announced else 2)
        self.announced.add(sheet)

    @rule(which=WHICH)
    def the_clock_closes_what_a_finished_program_left(self, which):
        if "closed" not in self.heard or not self.asked:
            return
        sheet = list(self.asked.values())[which % len(self.asked)]
        self.memory.run(commands.close_sheet(sheet, now=self.now))
        if self.state[sheet] == "open":
            self.state[sheet] = "closed"

    # What always holds

    @invariant()
    def a_sheet_is_answered_once_or_closed_once_and_never_both(self):
        """Domain: an instrument is answered once a person; late answers count until it closes."""
        settled = Counter(
            recorded.stream_id
            for recorded in self.memory.log
            if isinstance(recorded.event, (SheetAnswered, SheetClosed))
        )
        assert set(settled) == {sheet for sheet, state in self.state.items() if state != "open"}
        assert all(times == 1 for times in settled.values())

    @invariant()
    def who_left_holds_nothing_open(self):
        """Domain: who leaves owes nobody an answer."""
        for (participant, number), sheet in self.asked.items():
            over = participant in self.heard or (number is not None and "ended" in self.heard)
            assert not (over and self.state[sheet] == "open")

    @invariant()
    def what_is_told_of_an_answer_is_a_region_an_instrument_and_a_day(self):
        """Trust: a stream of its own under a random id, no correlation, no causation, time = day; not who, not what."""
        people = {*self.sides, *self.asked.values(), self.sample.pair}
        told = [each for each in self.memory.log if isinstance(each.event, SubmissionAnnounced)]
        assert len(told) == len({each.stream_id for each in told}) == len(self.announced)
        assert len(told) == len(self.memory.all(AnswersAnnounced))
        for each in told:
            assert (each.correlation, each.causation, each.version) == (None, None, 1)
            assert each.at == datetime.combine(each.event.day, time(), UTC)
            [publish] = PUBLICATIONS[SubmissionAnnounced]
            published = publish(each).model_dump()
            assert set(published) == {"program", "region", "instrument", "day"}
            assert not people & {value for value in published.values() if isinstance(value, UUID)}

    @invariant()
    def a_request_never_says_who_asked(self):
        """Trust: one request a side, in one stream a pair, correlated by the pair."""
        asked = [each for each in self.memory.log if isinstance(each.event, RematchAsked)]
        assert len(asked) == len(self.requested)
        assert {each.event.participant for each in asked} == self.requested
        assert len({each.stream_id for each in asked}) <= 1
        for each in asked:
            assert each.correlation == self.sample.pair
            [publish] = PUBLICATIONS[RematchAsked]
            assert set(publish(each).model_dump().values()) == {self.sample.pair, self.sample.program}

    def teardown(self):
        self.seen.update(self.state.values())
        self.seen.update({"announced": len(self.announced), "requested": len(self.requested)})
        self.seen["left"] += self.sample.mentor in self.heard


def test_everybody_is_asked_once_and_nobody_is_told_who_answered_in_every_history(begin_anew):
    Feedback.begin_anew = staticmethod(begin_anew)
    Feedback.seen.clear()
    run_state_machine_as_test(Feedback, settings=histories(120, steps=30))
    # Invariants over what never happened would hold of anything.
    assert {"open", "answered", "closed", "announced", "requested", "waited", "left"} <= set(+Feedback.seen)
