"""Whatever people do in whatever order: places never exceed capacities, pair and candidates agree, none meet twice."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events.contracts.kinds import Answer, Role
from events.runtime.private_events import Event
from events.runtime.refusals import Refusal
from matching import commands
from matching.domain.candidate import CandidateWithdrew, PartnerReleased, RoundMissed, candidate_stream
from matching.domain.ending import EndDue
from matching.domain.pair import PairCreated, PairEnded, PairProposed, ProposalAnswered, State, pair_stream
from matching.domain.program import RoundInWork
from matching.domain.round import RoundNotDraft

OPEN = {State.PROPOSED, State.MENTOR_ACCEPTED, State.CREATED}
START = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


class Programs(RuleBasedStateMachine):
    """Sign-ups, rounds, answers, requests and departures of one program."""

    begin_anew = None
    seen: ClassVar[set[type[Event]]] = set()
    """Kinds of events that occurred in some history."""

    @initialize(mentors=st.integers(1, 3), mentees=st.integers(1, 3), capacity=st.integers(1, 2))
    def begin(self, mentors, mentees, capacity):
        self.memory, self.sample, self.joining = type(self).begin_anew()
        self.rounds, self.now = [], START
        for role in [Role.MENTOR] * mentors + [Role.MENTEE] * mentees:
            self.joining(role, capacity=capacity)

    def teardown(self):
        self.seen.update({type(recorded.event) for recorded in self.memory.log})

    def proposals(self, *states):
        """All of them, or those that stand so."""
        proposed = [event.pair for event in self.memory.all(PairProposed)]
        return [pair for pair in proposed if not states or self.memory.state(pair_stream(pair)).state in states]

    @rule(role=st.sampled_from(Role), capacity=st.integers(1, 3))
    def somebody_joins(self, role, capacity):
        if len(self.sample.people) < 9:
            self.joining(role, capacity=capacity)

    @rule()
    def a_round_is_drafted(self):
        try:
            self.rounds.append(self.memory.draft(self.sample, at=self.now))
        except RoundInWork:
            assert self.rounds

    @rule(which=st.integers(0, 20))
    def proposals_go_out_again_or_for_the_first_time(self, which):
        if not self.rounds:
            return
        round_id = self.rounds[which % len(self.rounds)]
        with suppress(RoundNotDraft):
            self.memory.mark_published(self.sample, round_id, self.now)
        self.memory.follow_up(round_id, self.now)

    @rule()
    def a_round_goes_out(self):
        """What coordinators mostly do; by single steps few histories would come to a proposal."""
        self.a_round_is_drafted()
        self.proposals_go_out_again_or_for_the_first_time(len(self.rounds) - 1)

    @precondition(lambda self: self.rounds)
    @rule(which=st.integers(0, 20), by=st.sampled_from(Role), given=st.sampled_from(Answer))
    def somebody_answers(self, which, by, given):
        proposals = self.proposals()
        if not proposals:
            return
        pair = proposals[which % len(proposals)]
        before = self.memory.state(pair_stream(pair)).state
        turn = {State.PROPOSED: Role.MENTOR, State.MENTOR_ACCEPTED: Role.MENTEE}
        try:
            self.memory.answer(pair, by, given, at=self.now)
        except Refusal:
            assert turn.get(before) is not by
        else:
            assert turn[before] is by

    @precondition(lambda self: self.rounds)
    @rule(which=st.integers(0, 20), last=st.sampled_from(Answer))
    def both_answer_as_they_are_asked(self, which, last):
        """What people mostly do; by single answers few histories would come to a pair."""
        if proposed := self.proposals(State.PROPOSED):
            for by, given in ((Role.MENTOR, Answer.ACCEPTED), (Role.MENTEE, last)):
                self.memory.answer(proposed[which % len(proposed)], by, given, at=self.now)

    @precondition(lambda self: self.rounds)
    @rule(which=st.integers(0, 20))
    def a_pair_parts_within_the_hour(self, which):
        if created := self.proposals(State.CREATED):
            self.memory.hear(self.sample.rematch(created[which % len(created)]), at=self.now)
            self.time_passes(60)

    @precondition(lambda self: self.rounds)
    @rule(which=st.integers(0, 20))
    def somebody_asks_for_another_match(self, which):
        proposed = self.memory.all(PairProposed)
        if proposed:
            pair = proposed[which % len(proposed)]
            self.memory.hear(self.sample.rematch(pair.pair), at=self.now)

    @precondition(lambda self: len(self.sample.people) > 4)
    @rule(which=st.integers(0, 20))
    def somebody_leaves(self, which):
        participant = self.sample.people[which % len(self.sample.people)]
        self.memory.hear(self.sample.withdrawn(participant), at=self.now)
        assert self.memory.state(candidate_stream(participant)).free_places == 0

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)
        for due in self.memory.all(EndDue):
            if due.due_at <= self.now:
                self.memory.run(commands.end_pair(due.pair, now=due.due_at))

    @invariant()
    def nobody_has_more_partners_than_places(self):
        for person in self.sample.people:
            candidate = self.memory.state(candidate_stream(person))
            assert len(candidate.partners) <= candidate.profile.capacity
            assert len(set(candidate.partners.values())) == len(candidate.partners)
            assert candidate.confirmed <= candidate.partners.keys()

    @invariant()
    def a_place_is_held_exactly_while_a_pair_is_open_and_both_take_part(self):
        held = {
            (person, pair): partner
            for person in self.sample.people
            for pair, partner in self.memory.state(candidate_stream(person)).partners.items()
        }
        for proposed in self.memory.all(PairProposed):
            sides = (proposed.mentor, proposed.mentee)
            both = all(not self.memory.state(candidate_stream(person)).withdrawn for person in sides)
            expected = both and self.memory.state(pair_stream(proposed.pair)).state in OPEN
            assert [(side, proposed.pair) in held for side in sides] == [expected, expected]

    @invariant()
    def the_same_two_are_proposed_once(self):
        met = Counter((event.mentor, event.mentee) for event in self.memory.all(PairProposed))
        assert all(times == 1 for times in met.values())

    @invariant()
    def a_pair_is_created_once_and_ends_once_and_only_when_due(self):
        created = [event.pair for event in self.memory.all(PairCreated)]
        ended = [event.pair for event in self.memory.all(PairEnded)]
        due = [event.pair for event in self.memory.all(EndDue)]
        assert len(created) == len(set(created))
        assert len(ended) == len(set(ended))
        assert set(ended) <= set(due) <= set(created)


def test_places_pairs_and_candidates_agree_in_every_history(begin_anew):
    Programs.begin_anew = staticmethod(begin_anew)
    Programs.seen.clear()
    run_state_machine_as_test(Programs, settings=settings(max_examples=200, stateful_step_count=30, deadline=None))
    # Invariants over what never happened would hold of anything.
    answered = {PairProposed, ProposalAnswered, PairCreated, EndDue, PairEnded}
    assert answered | {PartnerReleased, RoundMissed, CandidateWithdrew} <= Programs.seen
