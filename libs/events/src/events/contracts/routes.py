"""Which consumer groups follow which events. `docs/flow.md` shows it, and a test holds it against the services."""

from collections.abc import Mapping
from dataclasses import dataclass

from events.contracts import enrollment, feedback, matching, sessions
from events.contracts.registry import PublishedEvent


@dataclass(frozen=True, slots=True)
class Route:
    """One event and the consumer groups (`<service>.<consumer>`) of the platform that handle it."""

    event: type[PublishedEvent]
    groups: tuple[str, ...] = ()


_MEMBERSHIP = ("matching.membership", "sessions.membership", "feedback.membership")

ROUTES: tuple[Route, ...] = (
    Route(enrollment.ProgramOpened, ("matching.reactor", "sessions.programs", "feedback.reactor")),
    Route(enrollment.ProgramClosed, ("matching.reactor", "sessions.programs", "feedback.reactor")),
    Route(enrollment.ParticipantEnrolled, ("matching.reactor", *_MEMBERSHIP)),
    Route(enrollment.ParticipantWithdrawn, ("matching.reactor", "sessions.reactor", "feedback.reactor", *_MEMBERSHIP)),
    Route(enrollment.CoordinatorAssigned, _MEMBERSHIP),
    Route(enrollment.ParticipantLinked, _MEMBERSHIP),
    Route(enrollment.MatchingProfileSet, ("matching.reactor",)),
    Route(enrollment.WorkProfileSet, ("feedback.units",)),
    Route(matching.RoundPublished),
    Route(matching.PairProposed),
    Route(matching.ProposalAnswered),
    Route(matching.PairCreated, ("sessions.reactor", "feedback.reactor", "enrollment.partners")),
    Route(matching.PairEnded, ("sessions.reactor", "feedback.reactor")),
    Route(matching.ParticipantUnmatched),
    Route(sessions.AgreementSigned),
    Route(sessions.SessionScheduled),
    Route(sessions.SessionCancelled),
    Route(sessions.SessionLogged, ("feedback.reactor",)),
    Route(feedback.FeedbackSubmitted),
    Route(feedback.RematchRequested, ("matching.reactor",)),
)


def followers(producer: str) -> Mapping[str, tuple[str, ...]]:
    """Topics of a producing service, each with the groups that follow it."""
    topics: dict[str, set[str]] = {}
    for route in ROUTES:
        if route.event.producer == producer:
            topics.setdefault(route.event.topic(), set()).update(route.groups)
    return {topic: tuple(sorted(groups)) for topic, groups in topics.items()}
