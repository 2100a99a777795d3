"""What enrollment decides: given what happened, when somebody asks, then this follows, or a refusal with a name."""

from dataclasses import replace
from datetime import date
from functools import reduce
from uuid import uuid4

import pytest

from enrollment.domain import participant as participants
from enrollment.domain import program as programs
from enrollment.domain import subject as subjects
from enrollment.domain.participant import (
    PARTICIPANT,
    Entry,
    HasLeft,
    Identity,
    ParticipantEnrolled,
    ParticipantWithdrew,
    Profile,
    ProfileGiven,
    RegionStays,
    RoleStays,
)
from enrollment.domain.program import (
    PROGRAM,
    CoordinatorAssigned,
    ProgramClosed,
    ProgramDrafted,
    ProgramNotDraft,
    ProgramNotOpen,
    ProgramOpened,
    Terms,
    TermsDoNotFit,
    UnknownRegion,
)
from enrollment.domain.subject import SUBJECT, Details, SubjectDescribed
from events.contracts.kinds import Role
from events.runtime.refusals import NotFound

TERMS = Terms(
    name="Reverse mentoring",
    regions=("EMEA", "Americas"),
    starts_on=date(2027, 1, 11),
    ends_on=date(2027, 9, 30),
    cadence_days=30,
    sessions_per_pair=6,
    grade_ladder=("Associate", "Senior", "Director"),
    dividing_grade=3,
    working_hours="09:00-17:00",
    rating_threshold=5,
    comment_threshold=10,
)
PROFILE = Profile(
    grade=2,
    unit="Data",
    location="Berlin",
    country="Germany",
    time_zone="Europe/Berlin",
    working_hours="09:00-17:00",
    languages=("de",),
    manager_chain=(uuid4(), uuid4()),
    capacity=1,
    offers={"tiktok": 5},
    seeks={"strategy": 3},
)
ENTRY = Entry(
    program=uuid4(),
    subject=uuid4(),
    role=Role.MENTOR,
    role_is_automatic=False,
    region="EMEA",
    profile=PROFILE,
    identity=Identity("woman in tech", "same"),
    sealed_identity="sealed",
)
DETAILS = Details("e-104", "Ada", "Byron", "ada@example.com")


def given(category, *events):
    return reduce(category.evolve, events, category.initial)


DRAFT = given(PROGRAM, ProgramDrafted(terms=TERMS))
OPEN = given(PROGRAM, ProgramDrafted(terms=TERMS), ProgramOpened(terms=TERMS))
CLOSED = given(PROGRAM, ProgramDrafted(terms=TERMS), ProgramOpened(terms=TERMS), ProgramClosed())
ENROLLED = given(PARTICIPANT, *participants.sign_up(PARTICIPANT.initial, ENTRY))


def test_a_program_is_drafted_then_opened_by_the_same_terms_then_closed():
    assert programs.draft(TERMS) == [ProgramDrafted(terms=TERMS)]
    assert programs.open_program(DRAFT) == [ProgramOpened(terms=TERMS)]
    assert programs.close_program(OPEN) == [ProgramClosed()]


@pytest.mark.parametrize(
    "changes",
    [
        {"ends_on": TERMS.starts_on},
        {"regions": ("EMEA", "emea")},
        {"grade_ladder": ("Senior", "senior", "Director")},
        {"dividing_grade": 4},
    ],
)
def test_terms_that_contradict_one_another_are_refused(changes):
    with pytest.raises(TermsDoNotFit):
        programs.draft(TERMS.model_copy(update=changes))


@pytest.mark.parametrize("program", [OPEN, CLOSED])
def test_a_program_is_opened_once(program):
    with pytest.raises(ProgramNotDraft):
        programs.open_program(program)


@pytest.mark.parametrize("program", [DRAFT, CLOSED])
def test_only_an_open_program_is_closed_and_takes_sign_ups(program):
    with pytest.raises(ProgramNotOpen):
        programs.close_program(program)
    with pytest.raises(ProgramNotOpen):
        programs.must_be_open(program)


@pytest.mark.parametrize(
    "decide",
    [
        programs.open_program,
        programs.close_program,
        programs.must_be_open,
        lambda program: programs.assign_coordinator(program, uuid4(), ("EMEA",)),
    ],
)
def test_a_program_that_does_not_exist_is_not_found(decide):
    with pytest.raises(NotFound):
        decide(PROGRAM.initial)


def test_a_coordinator_gets_regions_in_the_programs_order_and_spelling():
    subject = uuid4()

    assert programs.assign_coordinator(OPEN, subject, ("americas", "EMEA", "emea")) == [
        CoordinatorAssigned(subject=subject, regions=("EMEA", "Americas"))
    ]


def test_assigning_the_same_regions_again_changes_nothing_and_others_replace_them():
    subject = uuid4()
    assigned = programs.evolve(OPEN, CoordinatorAssigned(subject=subject, regions=("EMEA",)))

    assert programs.assign_coordinator(assigned, subject, ("EMEA",)) == []
    (changed,) = programs.assign_coordinator(assigned, subject, ("Americas",))
    assert programs.evolve(assigned, changed).coordinators == {subject: ("Americas",)}


def test_a_coordinator_cannot_have_a_region_that_the_program_has_not():
    with pytest.raises(UnknownRegion, match="Mars"):
        programs.assign_coordinator(OPEN, uuid4(), ("EMEA", "Mars"))


def test_who_signs_up_is_enrolled_with_a_profile():
    enrolled, profile = participants.sign_up(PARTICIPANT.initial, ENTRY)

    assert enrolled == ParticipantEnrolled(
        program=ENTRY.program, subject=ENTRY.subject, role=Role.MENTOR, region="EMEA"
    )
    assert isinstance(profile, ProfileGiven)
    assert profile.profile == PROFILE
    assert (profile.identity, profile.identity_wish, profile.sealed_identity) == ("woman in tech", "same", "sealed")


def test_signing_up_again_with_the_same_changes_nothing_though_it_is_sealed_anew():
    assert participants.sign_up(ENROLLED, replace(ENTRY, sealed_identity="sealed otherwise")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"profile": PROFILE.model_copy(update={"manager_chain": (uuid4(),)})},
        {"profile": PROFILE.model_copy(update={"offers": {"tiktok": 4}})},
        {"identity": Identity("woman in tech", None)},
    ],
)
def test_a_changed_profile_is_given_whole_and_nobody_is_enrolled_twice(change):
    entry = replace(ENTRY, **change)

    (event,) = participants.sign_up(ENROLLED, entry)

    assert isinstance(event, ProfileGiven)
    assert participants.sign_up(participants.evolve(ENROLLED, event), entry) == []


def test_a_role_stays_whatever_a_grade_makes_of_it_later():
    promoted = replace(ENTRY, role=Role.MENTEE, profile=PROFILE.model_copy(update={"grade": 3}))

    (event,) = participants.sign_up(ENROLLED, replace(promoted, role_is_automatic=True))
    assert isinstance(event, ProfileGiven)
    assert event.role is Role.MENTOR
    with pytest.raises(RoleStays, match="mentor"):
        participants.sign_up(ENROLLED, promoted)


def test_a_region_stays():
    with pytest.raises(RegionStays, match="EMEA"):
        participants.sign_up(ENROLLED, replace(ENTRY, region="Americas"))


def test_who_left_has_left_for_good():
    (event,) = participants.withdraw(ENROLLED)
    assert event == ParticipantWithdrew(program=ENTRY.program, subject=ENTRY.subject)
    left = participants.evolve(ENROLLED, event)

    with pytest.raises(HasLeft):
        participants.withdraw(left)
    with pytest.raises(HasLeft):
        participants.sign_up(left, ENTRY)


def test_nobody_leaves_who_never_came():
    with pytest.raises(NotFound):
        participants.withdraw(PARTICIPANT.initial)


def test_a_person_is_described_once_and_again_when_something_changed():
    subject = uuid4()
    (described,) = subjects.describe(SUBJECT.initial, subject, DETAILS)
    known = subjects.evolve(SUBJECT.initial, described)

    assert known.details == DETAILS
    assert DETAILS.display_name == "Ada Byron"
    assert subjects.describe(known, subject, DETAILS) == []
    assert len(subjects.describe(known, subject, replace(DETAILS, family_name="Lovelace"))) == 1


def test_nothing_is_known_of_a_person_whose_key_is_destroyed():
    assert given(SUBJECT, SubjectDescribed(subject=uuid4())).details is None


def test_personal_details_show_in_no_representation():
    shown = repr((DETAILS, ENTRY, ENROLLED))

    for secret in ("Ada", "Byron", "ada@example.com", "e-104", "woman in tech", "'same'", "sealed"):
        assert secret not in shown.replace("sealed_identity", "")
