"""What enrollment tells: programs, who takes part, and (restricted) what matching and sessions need to know of them."""

from typing import ClassVar

from events.contracts.kinds import (
    Capacity,
    Count,
    Day,
    Days,
    Grade,
    ParticipantId,
    Profile,
    Profiles,
    ProgramId,
    ProgramName,
    Region,
    Regions,
    RoleInProgram,
    Sealed,
    SubjectId,
    SubjectIds,
    Threshold,
    Topics,
)
from events.contracts.registry import Audience, PublishedEvent


class EnrollmentPublic(PublishedEvent):
    """Any system may subscribe: `viceversa.enrollment.v1`."""

    producer: ClassVar[str] = "enrollment"
    audience: ClassVar[Audience] = Audience.PUBLIC


class EnrollmentRestricted(PublishedEvent):
    """For the platform's own services: `viceversa.enrollment.restricted.v1`."""

    producer: ClassVar[str] = "enrollment"
    audience: ClassVar[Audience] = Audience.RESTRICTED


class ProgramOpened(EnrollmentPublic):
    """A program takes sign-ups. Its thresholds are frozen from here on. Cadence in days between two sessions."""

    type: ClassVar[str] = "viceversa.ProgramOpened.v1"
    program: ProgramId
    name: ProgramName
    regions: Regions
    starts_on: Day
    ends_on: Day
    cadence_days: Days
    sessions_per_pair: Count
    rating_threshold: Threshold
    comment_threshold: Threshold


class ProgramClosed(EnrollmentPublic):
    """A program has ended."""

    type: ClassVar[str] = "viceversa.ProgramClosed.v1"
    program: ProgramId


class ParticipantEnrolled(EnrollmentPublic):
    """Somebody takes part in a program."""

    type: ClassVar[str] = "viceversa.ParticipantEnrolled.v1"
    participant: ParticipantId
    program: ProgramId
    region: Region
    role: RoleInProgram


class ParticipantWithdrawn(EnrollmentPublic):
    """Somebody has left a program, for good."""

    type: ClassVar[str] = "viceversa.ParticipantWithdrawn.v1"
    participant: ParticipantId
    program: ProgramId


class CoordinatorAssigned(EnrollmentRestricted):
    """A subject runs a program in the named regions."""

    type: ClassVar[str] = "viceversa.CoordinatorAssigned.v1"
    program: ProgramId
    subject: SubjectId
    regions: Regions


class ParticipantLinked(EnrollmentRestricted):
    """Which subject a participant is, for authorization."""

    type: ClassVar[str] = "viceversa.ParticipantLinked.v1"
    participant: ParticipantId
    program: ProgramId
    subject: SubjectId


class MatchingProfileSet(EnrollmentRestricted):
    """What a match is made from. `manager_chain` is nearest first; `identity` is sealed with the transport key."""

    type: ClassVar[str] = "viceversa.MatchingProfileSet.v1"
    participant: ParticipantId
    program: ProgramId
    subject: SubjectId
    role: RoleInProgram
    region: Region
    grade: Grade
    unit: Profile
    location: Profile
    country: Profile
    time_zone: Profile
    working_hours: Profile
    languages: Profiles
    manager_chain: SubjectIds
    capacity: Capacity
    offers: Topics
    seeks: Topics
    identity: Sealed = None


class WorkProfileSet(EnrollmentRestricted):
    """When and in which language somebody works, and in which unit."""

    type: ClassVar[str] = "viceversa.WorkProfileSet.v1"
    participant: ParticipantId
    program: ProgramId
    unit: Profile
    time_zone: Profile
    working_hours: Profile
    languages: Profiles
