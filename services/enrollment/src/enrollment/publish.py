"""Private event → what other services and subscribers hear. The only seam; pure."""

from enrollment.domain.participant import ParticipantEnrolled, ParticipantWithdrew, ProfileGiven
from enrollment.domain.program import CoordinatorAssigned, ProgramClosed, ProgramOpened
from events.contracts import enrollment as published
from events.runtime.private_events import Recorded
from events.runtime.publishing import Publications


def program_opened(recorded: Recorded[ProgramOpened]) -> published.ProgramOpened:
    """To anybody: a program and its terms."""
    terms = recorded.event.terms
    return published.ProgramOpened(
        program=recorded.stream_id,
        name=terms.name,
        regions=terms.regions,
        starts_on=terms.starts_on,
        ends_on=terms.ends_on,
        cadence_days=terms.cadence_days,
        sessions_per_pair=terms.sessions_per_pair,
        rating_threshold=terms.rating_threshold,
        comment_threshold=terms.comment_threshold,
    )


def program_closed(recorded: Recorded[ProgramClosed]) -> published.ProgramClosed:
    """To anybody: it is over."""
    return published.ProgramClosed(program=recorded.stream_id)


def coordinator_assigned(recorded: Recorded[CoordinatorAssigned]) -> published.CoordinatorAssigned:
    """To the platform's own services, which authorize by it."""
    return published.CoordinatorAssigned(
        program=recorded.stream_id, subject=recorded.event.subject, regions=recorded.event.regions
    )


def participant_enrolled(recorded: Recorded[ParticipantEnrolled]) -> published.ParticipantEnrolled:
    """To anybody: somebody takes part. Not who."""
    event = recorded.event
    return published.ParticipantEnrolled(
        participant=recorded.stream_id, program=event.program, region=event.region, role=event.role
    )


def participant_linked(recorded: Recorded[ParticipantEnrolled]) -> published.ParticipantLinked:
    """To the platform's own services: which subject it is."""
    return published.ParticipantLinked(
        participant=recorded.stream_id, program=recorded.event.program, subject=recorded.event.subject
    )


def matching_profile_set(recorded: Recorded[ProfileGiven]) -> published.MatchingProfileSet | None:
    """To matching; nothing once the subject's key is destroyed. The identity is sealed for matching already."""
    event = recorded.event
    if event.profile is None:
        return None
    return published.MatchingProfileSet(
        participant=recorded.stream_id,
        program=event.program,
        subject=event.subject,
        role=event.role,
        region=event.region,
        identity=event.sealed_identity,
        **dict(event.profile),
    )


def work_profile_set(recorded: Recorded[ProfileGiven]) -> published.WorkProfileSet | None:
    """To sessions and feedback: when and in which language somebody works, and in which unit; nothing once erased."""
    profile = recorded.event.profile
    if profile is None:
        return None
    return published.WorkProfileSet(
        participant=recorded.stream_id,
        program=recorded.event.program,
        unit=profile.unit,
        time_zone=profile.time_zone,
        working_hours=profile.working_hours,
        languages=profile.languages,
    )


def participant_withdrawn(recorded: Recorded[ParticipantWithdrew]) -> published.ParticipantWithdrawn:
    """To anybody: they take part no more."""
    return published.ParticipantWithdrawn(participant=recorded.stream_id, program=recorded.event.program)


PUBLICATIONS: Publications = {
    ProgramOpened: (program_opened,),
    ProgramClosed: (program_closed,),
    CoordinatorAssigned: (coordinator_assigned,),
    ParticipantEnrolled: (participant_enrolled, participant_linked),
    ProfileGiven: (matching_profile_set, work_profile_set),
    ParticipantWithdrew: (participant_withdrawn,),
}
