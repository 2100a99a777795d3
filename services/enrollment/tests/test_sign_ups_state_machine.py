"""Whoever signs up, leaves, runs the program or ends it, in whatever order: places stay, who left stays gone."""

from collections import Counter
from datetime import UTC, datetime
from typing import ClassVar
from uuid import uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from enrollment import commands
from enrollment.domain.participant import (
    PARTICIPANT,
    Entry,
    Identity,
    ParticipantEnrolled,
    ParticipantWithdrew,
    Profile,
    ProfileGiven,
)
from enrollment.domain.program import PROGRAM, CoordinatorAssigned, ProgramClosed, ProgramDrafted, ProgramOpened, Terms
from enrollment.domain.sign_up_file import SignUpFileImported
from enrollment.domain.subject import Details, SubjectDescribed
from enrollment.publish import PUBLICATIONS
from events.contracts.kinds import Role
from events.contracts.registry import Audience
from events.runtime.refusals import Refusal
from events.testing.histories import histories
from events.testing.memory import Memory

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
PEOPLE = 4
REGIONS = ("EMEA", "Americas")
WHO = st.integers(0, PEOPLE - 1)
TERMS = Terms(
    name="Both ways",
    regions=REGIONS,
    starts_on=NOW.date(),
    ends_on=NOW.date().replace(month=12),
    cadence_days=30,
    sessions_per_pair=6,
    grade_ladder=(),
    dividing_grade=4,
    working_hours="09:00-17:00",
    rating_threshold=5,
    comment_threshold=10,
)


class SignUps(RuleBasedStateMachine):
    """One program. The model is a table of who takes part as what, and how far the program is."""

    seen: ClassVar[Counter] = Counter()

    @initialize(opened=st.integers(0, 3))
    def begin(self, opened):
        self.memory = Memory({})
        self.program, self.actor = uuid4(), uuid4()
        self.subjects = [uuid4() for _ in range(PEOPLE)]
        self.participants = [uuid4() for _ in range(PEOPLE)]
        self.stage = "absent"
        self.rows, self.left, self.coordinators, self.chains = {}, set(), {}, {}
        """Who → (role, region, grade, name); who left; subject → regions; who → managers."""
        if opened:
            self.it_is_drafted_and_opens()

    def attempt(self, command, *, fits):
        """Answers what was appended, and None for a refusal; the model says which it has to be."""
        if fits:
            return self.memory.run(command)
        before = len(self.memory.log)
        with pytest.raises(Refusal):
            self.memory.run(command)
        assert len(self.memory.log) == before, "a refusal leaves nothing behind"
        self.seen["refused"] += 1
        return None

    # A program

    @rule()
    def a_program_is_drafted(self):
        if self.stage == "absent":
            self.memory.run(commands.draft_program(self.program, TERMS, now=NOW, actor=self.actor))
            self.stage = "draft"

    @rule(stale=st.integers(0, 3))
    def it_opens(self, stale):
        self._moves(commands.open_program, "draft", "open", stale=stale == 0)

    @rule(stale=st.integers(0, 3), really=st.integers(0, 9))
    def it_closes(self, stale, really):
        if really == 0:
            self._moves(commands.close_program, "open", "closed", stale=stale == 0)

    def _moves(self, command, before, after, *, stale):
        expected = self.memory.version(PROGRAM.stream(self.program)) - stale
        made = command(self.program, now=NOW, actor=self.actor, expected=expected)
        if self.attempt(made, fits=self.stage == before and not stale) is not None:
            self.stage = after

    @rule()
    def it_is_drafted_and_opens(self):
        """What mostly happens; by single steps few histories would come to a sign-up."""
        self.a_program_is_drafted()
        if self.stage == "draft":
            self.it_opens(1)

    @rule(who=WHO, regions=st.sets(st.sampled_from([*REGIONS, "emea", "Mars"]), max_size=2))
    def somebody_coordinates(self, who, regions):
        subject = self.subjects[who]
        command = commands.assign_coordinator(self.program, subject, tuple(regions), now=NOW, actor=self.actor)
        appended = self.attempt(command, fits=self.stage != "absent" and "Mars" not in regions)
        if appended is None:
            return
        lower = {region.lower() for region in regions}
        chosen = tuple(region for region in REGIONS if region.lower() in lower)
        assert len(appended) == (chosen != self.coordinators.get(subject, ()))
        self.coordinators[subject] = chosen

    # People, one by one or by a file that comes again

    def _command(self, who, role, region, grade, name):
        automatic = role is None
        entry = Entry(
            program=self.program,
            subject=self.subjects[who],
            role=role or (Role.MENTEE if grade >= TERMS.dividing_grade else Role.MENTOR),
            role_is_automatic=automatic,
            region=region,
            profile=Profile(
                grade=grade,
                unit="Data",
                location="Berlin",
                country="Germany",
                time_zone="Europe/Berlin",
                working_hours="09:00-17:00",
                languages=("de",),
                manager_chain=self.chains.get(who, ()),
                capacity=1,
                offers={"tiktok": 5},
                seeks={"strategy": 3},
            ),
            identity=Identity("marked identity", None),
            sealed_identity="sealed",
        )
        details = Details(f"e-{who}", "Marked", name, f"marked-{who}@example.com")
        return commands.sign_up(self.participants[who], entry, details, now=NOW, actor=self.actor)

    @rule(
        who=WHO,
        role=st.sampled_from([*Role, None]),
        region=st.sampled_from(REGIONS),
        grade=st.integers(3, 4),
        name=st.sampled_from(["Byron", "Lovelace"]),
    )
    def somebody_signs_up_or_again(self, who, role, region, grade, name):
        """With role None it follows the grade, and whoever takes part keeps theirs."""
        asked = role or (Role.MENTEE if grade >= TERMS.dividing_grade else Role.MENTOR)
        known = self.rows.get(who)
        fits = self.stage == "open" and who not in self.left
        if known is not None:
            fits = fits and role in {None, known[0]} and region == known[1]
        appended = self.attempt(self._command(who, role, region, grade, name), fits=fits)
        if appended is None:
            return
        row = (known[0] if known else asked, region, grade, name)
        expected = {
            ParticipantEnrolled: known is None,
            ProfileGiven: known is None or known[2] != grade,
            SubjectDescribed: known is None or known[3] != name,
        }
        assert Counter(type(event) for event in appended) == Counter(kind for kind, new in expected.items() if new)
        self.rows[who] = row
        self.seen["unchanged"] += known == row

    @rule(who=WHO)
    def somebody_is_promoted_or_not_any_more(self, who):
        """Also past the grade that divides mentors from mentees: the role stays."""
        if who in self.rows:
            _, region, grade, name = self.rows[who]
            self.somebody_signs_up_or_again(who, None, region, 7 - grade, name)

    @rule(who=WHO)
    def a_file_brings_the_same_row_again(self, who):
        """Import is resumable: what is known changes nothing, however often it comes."""
        if who not in self.rows:
            return
        appended = self.attempt(self._command(who, *self.rows[who]), fits=self.stage == "open" and who not in self.left)
        assert not appended
        counts = {"rows": 1, "enrolled": 0, "updated": 0, "unchanged": 1, "rejected": 0}
        noted = SignUpFileImported(program=self.program, **counts)
        assert self.memory.run(commands.note_import(uuid4(), noted, now=NOW, actor=self.actor)) == [noted]

    @rule(who=WHO, boss=WHO)
    def a_manager_changes(self, who, boss):
        chain = () if who == boss else (self.subjects[boss],)
        before = self.chains.get(who, ())
        command = commands.move_in_line(
            self.participants[who], self.subjects[who], chain, self.subjects, now=NOW, actor=self.actor
        )
        appended = self.memory.run(command)
        takes_part = who in self.rows and who not in self.left
        assert len(appended) == (takes_part and before != chain)
        if takes_part:
            self.chains[who] = chain

    @rule(who=WHO)
    def somebody_leaves(self, who):
        expected = self.memory.version(PARTICIPANT.stream(self.participants[who]))
        command = commands.withdraw(self.participants[who], now=NOW, actor=self.actor, expected=expected)
        if self.attempt(command, fits=who in self.rows and who not in self.left) is not None:
            self.left.add(who)

    @rule(who=WHO, grade=st.integers(3, 4))
    def somebody_leaves_and_would_come_back(self, who, grade):
        """What a file does that was written before they left."""
        self.somebody_leaves(who)
        role, region = self.rows[who][:2] if who in self.rows else (None, REGIONS[0])
        self.somebody_signs_up_or_again(who, role, region, grade, "Byron")

    # What always holds

    @invariant()
    def a_program_goes_from_draft_to_open_to_closed_once_each_and_its_thresholds_stay(self):
        """Domain: draft → open → closed; thresholds are frozen at open."""
        kinds = (ProgramDrafted, ProgramOpened, ProgramClosed)
        moved = [type(each.event) for each in self.memory.log if isinstance(each.event, kinds)]
        assert moved == list(kinds[: ["absent", "draft", "open", "closed"].index(self.stage)])
        terms = [each.event.terms for each in self.memory.log if isinstance(each.event, kinds[:2])]
        assert all(each == TERMS for each in terms)

    @invariant()
    def a_subject_takes_part_once_and_keeps_role_and_region(self):
        """Domain: one subject once a program; role and region stay; a withdrawal is for good."""
        for who, participant in enumerate(self.participants):
            history = [each.event for each in self.memory.log if each.stream_id == participant]
            kinds = Counter(map(type, history))
            assert kinds[ParticipantEnrolled] == (who in self.rows)
            assert kinds[ParticipantWithdrew] == (who in self.left)
            if who in self.left:
                assert isinstance(history[-1], ParticipantWithdrew)
            for event in history:
                if isinstance(event, (ParticipantEnrolled, ProfileGiven)):
                    assert (event.role, event.region) == self.rows[who][:2]

    @invariant()
    def coordinators_are_of_the_programs_regions(self):
        last = {event.subject: event.regions for event in self.memory.all(CoordinatorAssigned)}
        assert last == {who: regions for who, regions in self.coordinators.items() if regions or who in last}

    @invariant()
    def nothing_published_holds_a_name_an_address_or_an_identity_and_public_events_no_subject(self):
        """Trust: names and addresses live in enrollment; `subject_id` leaves by restricted events only."""
        subjects = {str(subject) for subject in self.subjects}
        for recorded in self.memory.log:
            for publish in PUBLICATIONS.get(type(recorded.event), ()):
                published = publish(recorded)
                if published is None:
                    continue
                text = published.model_dump_json().lower()
                assert "marked" not in text
                assert "byron" not in text
                if published.audience is Audience.PUBLIC:
                    assert not any(subject in text for subject in subjects)

    def teardown(self):
        self.seen.update({self.stage: 1, "enrolled": len(self.rows), "left": len(self.left)})
        self.seen["coordinated"] += any(self.coordinators.values())


def test_places_stay_and_who_left_stays_gone_in_every_history():
    SignUps.seen.clear()
    run_state_machine_as_test(SignUps, settings=histories(100, steps=30))
    # Invariants over what never happened would hold of anything.
    assert {"draft", "open", "closed", "enrolled", "left", "refused", "unchanged", "coordinated"} <= set(+SignUps.seen)
