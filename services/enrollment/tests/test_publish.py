"""What each private event becomes for others: given it happened, then these events go out, and no more."""

from datetime import UTC, date, datetime
from types import NoneType
from typing import get_args
from uuid import UUID, uuid4

import pytest

from enrollment.domain import EVENTS
from enrollment.domain.participant import Identity, ParticipantEnrolled, ParticipantWithdrew, Profile, ProfileGiven
from enrollment.domain.program import CoordinatorAssigned, ProgramClosed, ProgramDrafted, ProgramOpened, Terms
from enrollment.domain.sign_up_file import SignUpFileImported
from enrollment.domain.subject import SubjectDescribed
from enrollment.publish import PUBLICATIONS
from enrollment.signup_file import cells
from enrollment.transport import sealer
from events.contracts import enrollment as contracts
from events.contracts.kinds import Role
from events.contracts.registry import PublishedEvent, all_event_types
from events.runtime.private_events import Event, Recorded

STREAM, PROGRAM, SUBJECT, MANAGER = (UUID(int=number) for number in (1, 2, 3, 4))
TERMS = Terms(
    name="Reverse mentoring",
    regions=("EMEA",),
    starts_on=date(2027, 1, 11),
    ends_on=date(2027, 9, 30),
    cadence_days=30,
    sessions_per_pair=6,
    grade_ladder=(),
    dividing_grade=3,
    working_hours="09:00-17:00",
    rating_threshold=5,
    comment_threshold=10,
)
WORK = {"unit": "Data", "time_zone": "Europe/Berlin", "working_hours": "09:00-17:00", "languages": ("de",)}
REST = {
    "grade": 2,
    "location": "Berlin",
    "country": "Germany",
    "manager_chain": (MANAGER,),
    "capacity": 1,
    "offers": {"tiktok": 5},
    "seeks": {"strategy": 3},
}
PROFILE_GIVEN = ProfileGiven(
    program=PROGRAM,
    subject=SUBJECT,
    role=Role.MENTOR,
    region="EMEA",
    profile=Profile(**WORK, **REST),
    identity="woman in tech",
    identity_wish="same",
    sealed_identity="c2VhbGVk",
)


def published(event: Event) -> list[PublishedEvent]:
    recorded = Recorded(uuid4(), STREAM, 1, event, datetime(2027, 1, 1, tzinfo=UTC), None, None, None)
    return [found for publish in PUBLICATIONS.get(type(event), ()) if (found := publish(recorded)) is not None]


def test_a_program_that_opens_tells_its_terms_to_anybody():
    assert published(ProgramOpened(terms=TERMS)) == [
        contracts.ProgramOpened(
            program=STREAM,
            name="Reverse mentoring",
            regions=("EMEA",),
            starts_on=date(2027, 1, 11),
            ends_on=date(2027, 9, 30),
            cadence_days=30,
            sessions_per_pair=6,
            rating_threshold=5,
            comment_threshold=10,
        )
    ]


def test_a_program_that_closes_is_over():
    assert published(ProgramClosed()) == [contracts.ProgramClosed(program=STREAM)]


def test_a_coordinator_is_told_to_the_platforms_services():
    assert published(CoordinatorAssigned(subject=SUBJECT, regions=("EMEA",))) == [
        contracts.CoordinatorAssigned(program=STREAM, subject=SUBJECT, regions=("EMEA",))
    ]


def test_who_enrolls_is_a_participant_to_anybody_and_a_subject_to_the_platform():
    enrolled = ParticipantEnrolled(program=PROGRAM, subject=SUBJECT, role=Role.MENTOR, region="EMEA")

    assert published(enrolled) == [
        contracts.ParticipantEnrolled(participant=STREAM, program=PROGRAM, region="EMEA", role=Role.MENTOR),
        contracts.ParticipantLinked(participant=STREAM, program=PROGRAM, subject=SUBJECT),
    ]


def test_a_profile_goes_to_matching_with_its_identity_sealed_and_to_the_others_without():
    assert published(PROFILE_GIVEN) == [
        contracts.MatchingProfileSet(
            participant=STREAM,
            program=PROGRAM,
            subject=SUBJECT,
            role=Role.MENTOR,
            region="EMEA",
            identity="c2VhbGVk",
            **WORK,
            **REST,
        ),
        contracts.WorkProfileSet(participant=STREAM, program=PROGRAM, **WORK),
    ]


def test_a_profile_whose_key_is_destroyed_is_published_without_identity():
    erased = PROFILE_GIVEN.model_copy(update={"identity": None, "identity_wish": None, "sealed_identity": None})

    profile, _ = published(erased)

    assert isinstance(profile, contracts.MatchingProfileSet)
    assert profile.identity is None


def test_who_leaves_takes_part_no_more():
    assert published(ParticipantWithdrew(program=PROGRAM, subject=SUBJECT)) == [
        contracts.ParticipantWithdrawn(participant=STREAM, program=PROGRAM)
    ]


def test_drafts_names_and_imports_stay_inside():
    assert set(EVENTS) - PUBLICATIONS.keys() == {ProgramDrafted, SubjectDescribed, SignUpFileImported}


def test_every_contract_of_enrollment_has_a_source():
    answers = [publish.__annotations__["return"] for publishing in PUBLICATIONS.values() for publish in publishing]
    made = {contract for answer in answers for contract in get_args(answer) or [answer] if contract is not NoneType}

    assert made == {contract for contract in all_event_types() if contract.producer == "enrollment"}


@pytest.mark.parametrize("character", ["x", "ü", "🌍", '"', "\\"])
def test_the_longest_identity_and_wish_fit_sealed_into_the_contract(character):
    identity = Identity(character * cells.LONGEST_WISH, character * cells.LONGEST_WISH)

    sealed = sealer(b"k" * 32)(STREAM, identity)

    profile, _ = published(PROFILE_GIVEN.model_copy(update={"sealed_identity": sealed}))
    assert isinstance(profile, contracts.MatchingProfileSet)
    assert profile.identity == sealed


def test_nothing_is_sealed_for_who_says_nothing():
    assert sealer(b"k" * 32)(STREAM, Identity()) is None
