"""Whatever people do and services tell, in whatever order: places hold, none meet twice, who waits is not forgotten."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from events.contracts.enrollment import MatchingProfileSet, ParticipantEnrolled
from events.contracts.kinds import Answer, Role
from events.contracts.registry import Audience
from events.runtime.refusals import NotFound, Refusal
from events.testing.histories import histories
from matching import commands
from matching.domain.candidate import RoundMissed, candidate_stream
from matching.domain.ending import EndDue
from matching.domain.pair import PairCreated, PairEnded, PairProposed, State, pair_stream
from matching.domain.program import RoundFinished, RoundStarted
from matching.domain.round import RoundDiscarded, RoundDrafted, RoundPublished, round_stream
from matching.publish import PUBLICATIONS

START = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
SIDE = 3
OPEN = {State.PROPOSED, State.MENTOR_ACCEPTED, State.CREATED}
TURN = {State.PROPOSED: Role.MENTOR, State.MENTOR_ACCEPTED: Role.MENTEE}
WHO, WHICH = st.integers(0, 2 * SIDE - 1), st.integers(0, 40)
JUNIOR, NEARLY_SENIOR = 2, 6


@dataclass
class Person:
    """Somebody, by what was told of them."""

    role: Role
    signed_up: ParticipantEnrolled
    profile: MatchingProfileSet
    enrolled: bool = False
    described: MatchingProfileSet | None = None
    left: bool = False
    since: datetime | None = None
    waited: int = 0
    missed: set[UUID] = field(default_factory=set)


@dataclass
class Two:
    """Two people of a draft, and how far they came."""

    round: UUID
    mentor: UUID
    mentee: UUID
    state: State = State.NONE
    mentor_accepted: bool = False


class Matching(RuleBasedStateMachine):
    """One program. The model counts places and meetings by itself; only who is drafted comes from the service."""

    begin_anew = None
    seen: ClassVar[Counter] = Counter()

    @initialize(capacities=st.lists(st.integers(1, 2), min_size=2 * SIDE, max_size=2 * SIDE), known=st.integers(0, 5))
    def begin(self, capacities, known):
        opened, self.sample, _ = type(self).begin_anew()
        self.memory = type(opened)()
        self.now, self.opened, self.closed = START, False, False
        self.people, self.rounds, self.twos, self.met, self.due = {}, {}, {}, set(), {}
        """Round → draft, published, discarded; pair → the two; who were proposed to each other; pair → hour."""
        # In the order of their ids, by which a draft decides between equals: a failure then comes again.
        self.sample.people = sorted(uuid4() for _ in capacities)
        self.sample.subjects = {who: uuid4() for who in self.sample.people}
        for who, role, capacity in zip(self.sample.people, [*Role] * SIDE, capacities, strict=True):
            signed_up = ParticipantEnrolled(participant=who, program=self.sample.program, region="emea", role=role)
            self.people[who] = Person(role, signed_up, self.sample.profile(who, role, capacity=capacity))
        for who in range(2 * SIDE if known else SIDE):
            self.somebody_signs_up(who)
            self.somebody_is_described(who)
        if known != 1:
            self._hear_of_the_program(closes=False)
        # Later on most have met: then few histories would come to these two.
        if known == 2:
            self.places_become_fewer_before_a_round_is_made_up_for(0)
        if known == 3:
            self.a_round_is_cut_short_and_the_next_one_drafts_the_same_two(0, Role.MENTOR, Answer.DECLINED)

    # What the model knows

    def _held(self, who):
        """Pair → partner: while the pair is open and both take part."""
        sides = {pair: (two.mentor, two.mentee) for pair, two in self.twos.items() if two.state in OPEN}
        return {
            pair: both[both[0] == who]
            for pair, both in sides.items()
            if who in both and not any(self.people[side].left for side in both)
        }

    def _free(self, who):
        person = self.people[who]
        takes_part = person.enrolled and person.described and not person.left
        return max(person.profile.capacity - len(self._held(who)), 0) if takes_part else 0

    def _fit(self, mentor, mentee):
        """By grades and reporting lines as they were told last."""
        junior, senior = self.people[mentor].profile, self.people[mentee].profile
        return senior.grade - junior.grade >= 2 and senior.subject not in junior.manager_chain

    def _may_meet(self, mentor, mentee):
        free = self._free(mentor) and self._free(mentee)
        return bool(free) and self._fit(mentor, mentee) and (mentor, mentee) not in self.met

    def _free_again(self, pair, *sides):
        for who in sides:
            held = self._held(who)
            if pair in held:
                self.people[who].waited += len(held) == 1
                self.people[who].since = self.now

    def _misses(self, who, round_id):
        person = self.people[who]
        if not person.left and not self._held(who) and round_id not in person.missed:
            person.missed.add(round_id)
            person.waited += 1

    def attempt(self, command, *, fits, refusal=Refusal):
        """Whether it was carried out; the model says which it has to be."""
        if fits:
            self.memory.run(command)
            return True
        before = len(self.memory.log)
        with pytest.raises(refusal):
            self.memory.run(command)
        assert len(self.memory.log) == before, "a refusal leaves nothing behind"
        self.seen["refused"] += 1
        return False

    # What enrollment tells, in any order, again and again

    @rule(who=WHO)
    def somebody_signs_up(self, who):
        person = self.people[self.sample.people[who]]
        assert bool(self.memory.hear(person.signed_up, at=self.now)) != person.enrolled
        if not person.enrolled:
            person.enrolled, person.since = True, self.now

    @rule(who=WHO)
    def somebody_is_described(self, who):
        person = self.people[self.sample.people[who]]
        assert bool(self.memory.hear(person.profile, at=self.now)) == (person.described != person.profile)
        person.described = person.profile

    @rule(who=WHO, capacity=st.integers(1, 3), rises=st.integers(0, 2), boss=st.one_of(st.none(), WHO))
    def somebody_moves(self, who, capacity, rises, boss):
        """Also so that a rule forbids what was drafted, proposed or half accepted before."""
        participant = self.sample.people[who]
        person, above = self.people[participant], self.people[self.sample.people[boss or 0]]
        changes = {"capacity": capacity}
        if person.role is Role.MENTOR:
            under = boss is not None and above.role is Role.MENTEE
            changes["grade"] = NEARLY_SENIOR if rises == 0 else JUNIOR
            changes["manager_chain"] = (above.profile.subject,) if under else ()
        person.profile = self.sample.profile(participant, person.role, **changes)
        self.somebody_is_described(who)

    @rule(who=WHO, really=st.integers(0, 3))
    def somebody_leaves(self, who, really):
        """Perhaps before anything else is known of them."""
        leaver = self.sample.people[who]
        if really == 1 or self.people[leaver].left:
            self._leave(leaver)

    def _leave(self, leaver):
        assert bool(self.memory.hear(self.sample.withdrawn(leaver), at=self.now)) != self.people[leaver].left
        for pair, partner in self._held(leaver).items():
            self._free_again(pair, partner)
            self._parts(pair)
            self.seen["left a pair"] += self.twos[pair].state is State.CREATED
        self.people[leaver].left = True

    @rule(closes=st.integers(0, 3))
    def the_program_closes_over_a_draft_or_is_told_of_again(self, closes):
        self._draft()
        self._hear_of_the_program(closes=closes == 1)
        if self.rounds:
            self._decide(list(self.rounds)[-1])

    def _hear_of_the_program(self, *, closes):
        known = self.closed if closes else self.opened
        told = self.sample.program_closed if closes else self.sample.program_opened
        assert bool(self.memory.hear(told, at=self.now)) != known
        self.opened, self.closed = self.opened or not closes, self.closed or closes

    # What coordinators do

    @rule()
    def a_round_is_drafted(self):
        self._draft()

    def _in_work(self):
        return next((each for each, stage in self.rounds.items() if stage == "draft"), None) or self._draft()

    def _draft(self):
        """Answers the round, and None for a refusal."""
        if not self.opened or self.closed or "draft" in self.rounds.values():
            with pytest.raises(Refusal):
                self.memory.draft(self.sample, at=self.now)
            self.seen["one round"] += 1
            return None
        round_id = self.memory.draft(self.sample, at=self.now)
        self.rounds[round_id] = "draft"
        drafted = self.memory.state(round_stream(round_id))
        met = [(each.mentor, each.mentee) for each in drafted.proposals.values()]
        places = Counter(who for both in met for who in both)
        assert len(met) == len(set(met))
        assert all(self._may_meet(*both) for both in met)
        assert all(times <= self._free(who) for who, times in places.items())
        alone = {who for who in self.people if self._free(who) and not self._held(who)} - places.keys()
        assert alone == {each.participant for each in drafted.unmatched}
        sides = [[who for who in alone if self.people[who].role is role] for role in (Role.MENTOR, Role.MENTEE)]
        assert not any(self._may_meet(*both) for both in product(*sides)), "nobody is left out for nothing"
        self.twos |= {pair: Two(round_id, each.mentor, each.mentee) for pair, each in drafted.proposals.items()}
        return round_id

    @rule(which=WHICH, newest=st.integers(0, 3), stale=st.integers(0, 3), discard=st.booleans())
    def a_draft_goes_out_or_is_discarded(self, which, newest, stale, discard):
        """Perhaps for the second time, and with nothing that follows from it yet."""
        self._draft()
        if self.rounds:
            rounds = list(self.rounds)
            self._decide(rounds[which % len(rounds) if newest == 1 else -1], discard=discard, stale=stale == 1)

    def _decide(self, round_id, *, discard=False, stale=False):
        decide = commands.discard if discard else commands.publish
        expected = self.memory.version(round_stream(round_id)) - stale
        command = decide(round_id, program_id=self.sample.program, now=self.now, actor=uuid4(), expected=expected)
        fits = self.rounds[round_id] == "draft" and not stale and (discard or not self.closed)
        if self.attempt(command, fits=fits):
            self.rounds[round_id] = "discarded" if discard else "published"

    @rule(which=WHICH, part=st.booleans())
    def what_a_round_owes_is_made(self, which, part):
        """All or one of it; perhaps again, perhaps long after, perhaps before it went out."""
        if self.rounds:
            self._make(list(self.rounds)[which % len(self.rounds)], which if part else None)

    def _make(self, round_id, part=None):
        owed = [pair for pair, two in self.twos.items() if two.round == round_id]
        if self.rounds[round_id] == "published":
            owed += [each.participant for each in self.memory.state(round_stream(round_id)).unmatched]
        for each in owed if part is None else owed[part % len(owed) :][:1] if owed else ():
            if each in self.twos:
                self._propose(each)
            else:
                self.memory.run(commands.miss(round_id, each, now=self.now))
                self._misses(each, round_id)

    @rule()
    def a_round_goes_out(self):
        """What mostly happens; by single steps few histories would come to a proposal."""
        if round_id := self._in_work():
            self._decide(round_id)
            self._make(round_id)

    @rule(which=WHICH, last=st.sampled_from(Role), given=st.sampled_from(Answer))
    def a_round_is_cut_short_and_the_next_one_drafts_the_same_two(self, which, last, given):
        """The draft cannot know what the first round makes of them: only the proposal's own look does."""
        first = self._in_work()
        if first and not self.closed:
            self._decide(first)
            second = self._draft()
            self._make(first)
            self._all_have(3)
            self.they_answer_as_they_are_asked(which, last, given)
            self._decide(second)
            self._make(second)

    @rule(which=WHICH)
    def places_become_fewer_before_a_round_is_made_up_for(self, which):
        self._all_have(3)
        if round_id := self._in_work():
            self._decide(round_id)
            self._all_have(1 + which % 2)
            self._make(round_id)
            self.two_of_a_lapsed_proposal_have_room_again(which)

    def _all_have(self, places):
        for who in range(2 * SIDE):
            self.somebody_moves(who, places, 1, None)

    def _propose(self, pair):
        """Counts what alone stood between the two of a lapsed proposal."""
        two = self.twos[pair]
        both = (two.mentor, two.mentee)
        self.memory.run(commands.propose(two.round, pair, *both, now=self.now))
        if two.state is not State.NONE or self.rounds[two.round] != "published":
            return
        if self._may_meet(*both):
            two.state = State.PROPOSED
            self.met.add(both)
            return
        two.state = State.LAPSED
        for who in both:
            self._misses(who, two.round)
        known, room = both in self.met, all(self._free(who) for who in both)
        if self._fit(*both) and known == room and not any(self.people[who].left for who in both):
            together = two.mentee in self._held(two.mentor).values()
            self.seen["only places" if not known else "only the pair" if together else "only the past"] += 1

    @rule(which=WHICH)
    def two_of_a_lapsed_proposal_have_room_again(self, which):
        """Whoever makes up for a publication later does not find them after all."""
        lapsed = [two for two in self.twos.values() if two.state is State.LAPSED]
        strangers = [two for two in lapsed if (two.mentor, two.mentee) not in self.met]
        if strangers:
            two = strangers[which % len(strangers)]
            for who in (two.mentor, two.mentee):
                self.somebody_moves(self.sample.people.index(who), 3, 1, None)
            self.seen["lapsed for good"] += self._may_meet(two.mentor, two.mentee)
            self._make(two.round)

    # What the two of a proposal do

    @rule(which=WHICH, by=st.sampled_from(Role), given=st.sampled_from(Answer), stale=st.integers(0, 3))
    def somebody_answers(self, which, by, given, stale):
        known = [pair for pair, two in self.twos.items() if two.state not in {State.NONE, State.LAPSED}]
        if known:
            self._answer(known[which % len(known)], by, given, stale=stale == 1)

    @rule(which=WHICH, last=st.sampled_from(Role), given=st.sampled_from(Answer))
    def they_answer_as_they_are_asked(self, which, last, given):
        """What mostly happens; `last` also says yes at the same time as each answer, to the version it had read."""
        waiting = [pair for pair, two in self.twos.items() if two.state in TURN]
        if not waiting:
            return
        pair = waiting[which % len(waiting)]
        for by in (Role.MENTOR, Role.MENTEE)[: 1 + (last is Role.MENTEE)]:
            read = self.memory.version(pair_stream(pair))
            self._answer(pair, by, given if by is last else Answer.ACCEPTED)
            if self.memory.version(pair_stream(pair)) != read:
                self._answer(pair, last, Answer.ACCEPTED, read=read)

    @rule(which=WHICH, last=st.sampled_from(Role), boss=st.booleans())
    def a_rule_comes_between_them(self, which, last, boss):
        waiting = [two for two in self.twos.values() if two.state in TURN]
        if waiting:
            two = waiting[which % len(waiting)]
            mentor, mentee = (self.sample.people.index(who) for who in (two.mentor, two.mentee))
            self.somebody_moves(mentor, 1, 1 if boss else 0, mentee if boss else None)
            self.they_answer_as_they_are_asked(which, last, Answer.ACCEPTED)

    @rule(which=WHICH, mentor=st.booleans())
    def one_of_a_pair_leaves(self, which, mentor):
        created = [two for two in self.twos.values() if two.state is State.CREATED]
        if created:
            two = created[which % len(created)]
            self._leave(two.mentor if mentor else two.mentee)

    @rule(which=WHICH, again=st.booleans())
    def they_meet_and_part_within_the_hour(self, which, again):
        """The next round finds them both, and may not find them for each other."""
        self.a_round_goes_out()
        self.they_answer_as_they_are_asked(which, Role.MENTEE, Answer.ACCEPTED)
        self.somebody_asks_for_another_match(which, again)
        self.a_pair_ends_with_its_hour_perhaps_twice(which)
        self.a_round_goes_out()

    def _answer(self, pair, by, given, *, stale=False, read=None):
        two, version = self.twos[pair], self.memory.version(pair_stream(pair))
        expected = version - stale if read is None else read
        actor = self.people[two.mentor if by is Role.MENTOR else two.mentee].profile.subject
        command = commands.answer(pair, by, given, "marked reason", now=self.now, actor=actor, expected=expected)
        hidden = by is Role.MENTEE and not two.mentor_accepted and expected == version
        fits = expected == version and not self.closed and TURN.get(two.state) is by
        if not self.attempt(command, fits=fits, refusal=NotFound if hidden else Refusal):
            return
        if given is Answer.DECLINED or not self._fit(two.mentor, two.mentee):
            self._free_again(pair, two.mentor, two.mentee)
            two.state = State.DECLINED if given is Answer.DECLINED else State.CLOSED
            self.seen["forbidden"] += two.state is State.CLOSED
        elif by is Role.MENTOR:
            two.state, two.mentor_accepted = State.MENTOR_ACCEPTED, True
        else:
            two.state = State.CREATED
            self.people[two.mentor].waited = self.people[two.mentee].waited = 0

    @rule(which=WHICH, again=st.booleans())
    def somebody_asks_for_another_match(self, which, again):
        """Also of a proposal, of a pair that ended, or of one that the other has asked for already."""
        created = [pair for pair, two in self.twos.items() if two.state is State.CREATED]
        known = list(self.twos) if again or not created else created
        if known:
            pair = known[which % len(known)]
            self.memory.hear(self.sample.rematch(pair), at=self.now)
            if self.twos[pair].state is State.CREATED:
                self._parts(pair)

    def _parts(self, pair):
        two = self.twos[pair]
        if two.state is State.CREATED:
            self.due.setdefault(pair, self.now.replace(minute=0) + timedelta(hours=1))
        elif two.state in TURN:
            two.state = State.CLOSED

    # What the clock does

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(which=WHICH)
    def a_pair_ends_with_its_hour_perhaps_twice(self, which):
        if not self.due:
            return
        pair = list(self.due)[which % len(self.due)]
        two = self.twos[pair]
        self.now = max(self.now, self.due[pair])
        self.memory.run(commands.end_pair(pair, now=self.now))
        if two.state is State.CREATED:
            self._free_again(pair, two.mentor, two.mentee)
            two.state = State.ENDED

    # What always holds

    @invariant()
    def everybody_has_the_places_and_the_wait_that_follow_from_what_was_told(self):
        """Domain: reservations stay within the capacity; who was left without anybody waits one round more."""
        for who, person in self.people.items():
            candidate, held = self.memory.state(candidate_stream(who)), self._held(who)
            created = {pair for pair in held if self.twos[pair].state is State.CREATED}
            assert (dict(candidate.partners), candidate.confirmed) == (held, created)
            assert (candidate.free_places, candidate.withdrawn) == (self._free(who), person.left)
            assert (candidate.rounds_waited, candidate.waiting_since) == (person.waited, person.since)

    @invariant()
    def a_pair_stands_where_its_answers_brought_it(self):
        """Domain: the mentor answers first. Trust: what a mentor declines, no mentee ever hears of."""
        for pair, two in self.twos.items():
            known = self.memory.state(pair_stream(pair))
            assert known.state is two.state
            assert known.visible_to(Role.MENTEE) == two.mentor_accepted

    @invariant()
    def the_same_two_are_proposed_once(self):
        """Domain: no pairing that was declined, ended or forbidden, and never the same pair twice."""
        met = Counter((event.mentor, event.mentee) for event in self.memory.all(PairProposed))
        assert met == Counter(self.met)

    @invariant()
    def a_program_has_one_round_in_work_and_each_goes_one_way(self):
        works = [type(each.event) for each in self.memory.log if isinstance(each.event, (RoundStarted, RoundFinished))]
        assert works == [(RoundStarted, RoundFinished)[number % 2] for number in range(len(works))]
        ends = Counter(self.rounds.values())
        assert len(self.memory.all(RoundDrafted)) == len(self.rounds)
        assert len(self.memory.all(RoundPublished)) == ends["published"]
        assert len(self.memory.all(RoundDiscarded)) == ends["discarded"]

    @invariant()
    def a_pair_is_created_and_ends_once_at_a_full_hour_and_a_round_is_missed_once(self):
        """Trust: ends come in the hour's batch, whatever caused them."""
        assert {event.pair: event.due_at for event in self.memory.all(EndDue)} == self.due
        assert all(due.minute == 0 for due in self.due.values())
        for kind, states in {PairCreated: {State.CREATED, State.ENDED}, PairEnded: {State.ENDED}}.items():
            told = Counter(event.pair for event in self.memory.all(kind))
            assert told == Counter(pair for pair, two in self.twos.items() if two.state in states)
        missed = Counter((event.participant, event.round) for event in self.memory.all(RoundMissed))
        assert missed == Counter((who, each) for who, person in self.people.items() for each in person.missed)

    @invariant()
    def nothing_published_says_why_and_public_events_name_no_subject(self):
        """Trust: reasons are for the coordinator; `subject_id` and who asked leave by no public event."""
        subjects = {str(person.profile.subject) for person in self.people.values()}
        for recorded in self.memory.log:
            for publish in PUBLICATIONS.get(type(recorded.event), ()):
                published = publish(recorded)
                text = published.model_dump_json()
                assert "marked" not in text
                assert published.audience is not Audience.PUBLIC or not any(each in text for each in subjects)
                if isinstance(recorded.event, PairEnded):
                    assert set(published.model_dump().values()) == {recorded.stream_id, self.sample.program, "ended"}

    def teardown(self):
        self.seen.update(two.state.value for two in self.twos.values())
        self.seen.update(self.rounds.values())
        self.seen["missed"] += any(person.missed for person in self.people.values())
        self.seen["closed program"] += self.closed and bool(self.twos)


def test_places_hold_and_none_meet_twice_in_every_history(begin_anew):
    Matching.begin_anew = staticmethod(begin_anew)
    Matching.seen.clear()
    run_state_machine_as_test(Matching, settings=histories(200, steps=30))
    # Invariants over what never happened would hold of anything.
    ends = {"declined", "forbidden", "closed", "created", "ended", "left a pair", "missed", "refused", "one round"}
    apart = {"only places", "only the pair", "only the past", "lapsed for good", "discarded", "closed program"}
    assert ends | apart <= set(+Matching.seen)
