"""A participant: one subject in one program, as mentor or mentee, until they leave for good."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from events.contracts.kinds import Role
from events.runtime.private_events import Event, Former, Personal
from events.runtime.refusals import NotFound, Refusal
from events.runtime.streams import Category


class Profile(BaseModel):
    """What a match is made from, but for the name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grade: int
    unit: str
    location: str
    country: str
    time_zone: str
    working_hours: str
    languages: tuple[str, ...]
    manager_chain: tuple[UUID, ...]
    """Subjects, the nearest manager first."""
    capacity: int
    offers: dict[str, int]
    seeks: dict[str, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """What somebody says of who they are, and whom they wish to meet. Used by mutual wish only."""

    identity: str | None = field(default=None, repr=False)
    wish: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return self.identity is not None or self.wish is not None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a sign-up asks for."""

    program: UUID
    subject: UUID
    role: Role
    role_is_automatic: bool
    """Follows from the grade: a participant keeps the role they have."""
    region: str
    profile: Profile
    identity: Identity = field(default_factory=Identity)
    sealed_identity: str | None = field(default=None, repr=False)
    """`identity` sealed with the transport key: before the decision, so that a republish is the same to the byte."""


class ParticipantEnrolled(Event):
    """Somebody takes part. Role and region stay."""

    type: ClassVar[str] = "ParticipantEnrolled"
    program: UUID
    subject: UUID
    role: Role
    region: str


class ProfileGiven(Event):
    """The whole profile, as it is from here on. Version 1 held it in clear."""

    type: ClassVar[str] = "ProfileGiven"
    schema_version: ClassVar[int] = 2
    former: ClassVar[tuple[Former, ...]] = (
        Former(
            dict,
            personal=dict.fromkeys(("identity", "identity_wish", "sealed_identity"), "subject"),
            clear={"profile": "subject"},
        ),
    )
    program: UUID
    subject: UUID
    role: Role
    region: str
    profile: Annotated[Profile | None, Personal("subject")] = None
    identity: Annotated[str | None, Personal("subject")] = None
    identity_wish: Annotated[str | None, Personal("subject")] = None
    sealed_identity: Annotated[str | None, Personal("subject")] = None


class ParticipantWithdrew(Event):
    """Somebody left the program, for good. They owe nobody a reason."""

    type: ClassVar[str] = "ParticipantWithdrew"
    program: UUID
    subject: UUID


class Status(StrEnum):
    """Whether somebody takes part."""

    ABSENT = "absent"
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a participant stands."""

    program: UUID
    subject: UUID
    role: Role
    region: str


@dataclass(frozen=True, slots=True)
class Participant:
    """What decisions need to know of a participant."""

    status: Status = Status.ABSENT
    place: Place | None = None
    profile: Profile | None = None
    identity: Identity = field(default_factory=Identity)
    sealed_identity: str | None = field(default=None, repr=False)


class HasLeft(Refusal):
    """A withdrawal is for good."""

    slug, status, title = "has-left", 409, "This person has left the program for good"


class RoleStays(Refusal):
    """Pairs rest on the role."""

    slug, status, title = "role-stays", 409, "The role of a participant cannot change"


class RegionStays(Refusal):
    """Coordinators, pairs and reports rest on the region."""

    slug, status, title = "region-stays", 409, "The region of a participant cannot change"


def sign_up(participant: Participant, entry: Entry) -> list[Event]:
    """Enroll somebody, or bring their profile up to date; nothing when all is known.

    Raises HasLeft, RoleStays and RegionStays.
    """
    keep_place(participant, role=None if entry.role_is_automatic else entry.role, region=entry.region)
    place = participant.place
    if place is None:
        enrolled = ParticipantEnrolled(
            program=entry.program, subject=entry.subject, role=entry.role, region=entry.region
        )
        return [enrolled, _profile_given(entry, entry.role)]
    if (participant.profile, participant.identity) == (entry.profile, entry.identity):
        return []
    return [_profile_given(entry, place.role)]


def keep_place(participant: Participant, *, role: Role | None, region: str) -> None:
    """Go on if somebody can sign up with this role (None: any) and region.

    Raises HasLeft, RoleStays and RegionStays.
    """
    if participant.status is Status.WITHDRAWN:
        raise HasLeft("This person has left the program for good; take the row out")
    place = participant.place
    if place is None:
        return
    if role not in {None, place.role}:
        raise RoleStays(f"This person takes part as {place.role}; write {place.role} or auto")
    if region != place.region:
        raise RegionStays(f"This person takes part in {place.region}; keep that region in this program")


def move_in_line(participant: Participant, manager_chain: tuple[UUID, ...]) -> list[Event]:
    """Note that other managers stand above somebody who takes part; nothing when it is known."""
    place, profile = participant.place, participant.profile
    if participant.status is not Status.ACTIVE or place is None or profile is None:
        return []
    if profile.manager_chain == manager_chain:
        return []
    return [
        ProfileGiven(
            program=place.program,
            subject=place.subject,
            role=place.role,
            region=place.region,
            profile=profile.model_copy(update={"manager_chain": manager_chain}),
            identity=participant.identity.identity,
            identity_wish=participant.identity.wish,
            sealed_identity=participant.sealed_identity,
        )
    ]


def withdraw(participant: Participant) -> list[Event]:
    """Leave the program. Raises NotFound and HasLeft."""
    place = place_of(participant)
    if participant.status is Status.WITHDRAWN:
        raise HasLeft("This person has left the program already")
    return [ParticipantWithdrew(program=place.program, subject=place.subject)]


def place_of(participant: Participant) -> Place:
    """Where a participant who exists stands. Raises NotFound."""
    if participant.place is None:
        raise NotFound
    return participant.place


def _profile_given(entry: Entry, role: Role) -> ProfileGiven:
    return ProfileGiven(
        program=entry.program,
        subject=entry.subject,
        role=role,
        region=entry.region,
        profile=entry.profile,
        identity=entry.identity.identity,
        identity_wish=entry.identity.wish,
        sealed_identity=entry.sealed_identity,
    )


def evolve(participant: Participant, event: Event) -> Participant:
    """The participant after one more event."""
    match event:
        case ParticipantEnrolled():
            place = Place(event.program, event.subject, event.role, event.region)
            return replace(participant, status=Status.ACTIVE, place=place)
        case ProfileGiven():
            identity = Identity(event.identity, event.identity_wish)
            return replace(participant, profile=event.profile, identity=identity, sealed_identity=event.sealed_identity)
        case ParticipantWithdrew():
            return replace(participant, status=Status.WITHDRAWN)
    return participant


PARTICIPANT = Category("participant", Participant(), evolve)
EVENTS = (ParticipantEnrolled, ProfileGiven, ParticipantWithdrew)
