"""Which private event becomes which public one, and who hears it, written down a second time for the checker.

It is `docs/flow.md` as data. A test holds it against the services, so that neither changes alone.
"""

from collections.abc import Mapping
from uuid import UUID, uuid5

PUBLISHED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("enrollment", "ProgramOpened"): ("ProgramOpened",),
    ("enrollment", "ProgramClosed"): ("ProgramClosed",),
    ("enrollment", "CoordinatorAssigned"): ("CoordinatorAssigned",),
    ("enrollment", "ParticipantEnrolled"): ("ParticipantEnrolled", "ParticipantLinked"),
    ("enrollment", "ProfileGiven"): ("MatchingProfileSet", "WorkProfileSet"),
    ("enrollment", "ParticipantWithdrew"): ("ParticipantWithdrawn",),
    ("matching", "RoundPublished"): ("RoundPublished",),
    ("matching", "PairProposed"): ("PairProposed",),
    ("matching", "ProposalAnswered"): ("ProposalAnswered",),
    ("matching", "PairCreated"): ("PairCreated",),
    ("matching", "PairEnded"): ("PairEnded",),
    ("matching", "RoundMissed"): ("ParticipantUnmatched",),
    ("sessions", "AgreementSigned"): ("AgreementSigned",),
    ("sessions", "SessionPlanned"): ("SessionScheduled",),
    ("sessions", "SessionCancelled"): ("SessionCancelled",),
    ("sessions", "SessionDropped"): ("SessionCancelled",),
    ("sessions", "SessionLogged"): ("SessionLogged",),
    ("feedback", "SubmissionAnnounced"): ("FeedbackSubmitted",),
    ("feedback", "RematchAsked"): ("RematchRequested",),
}

RESTRICTED = frozenset(
    {"CoordinatorAssigned", "ParticipantLinked", "MatchingProfileSet", "WorkProfileSet", "PairProposed"}
    | {"ProposalAnswered", "ParticipantUnmatched", "SessionScheduled", "SessionCancelled", "RematchRequested"}
)

_MEMBERSHIP = ("matching.membership", "sessions.membership", "feedback.membership")
HEARD: Mapping[str, tuple[str, ...]] = {
    "ProgramOpened": ("matching.reactor", "sessions.programs", "feedback.reactor"),
    "ProgramClosed": ("matching.reactor", "sessions.programs", "feedback.reactor"),
    "ParticipantEnrolled": ("matching.reactor", *_MEMBERSHIP),
    "ParticipantWithdrawn": ("matching.reactor", "sessions.reactor", "feedback.reactor", *_MEMBERSHIP),
    "CoordinatorAssigned": _MEMBERSHIP,
    "ParticipantLinked": _MEMBERSHIP,
    "MatchingProfileSet": ("matching.reactor",),
    "WorkProfileSet": ("feedback.units",),
    "PairCreated": ("sessions.reactor", "feedback.reactor", "enrollment.partners"),
    "PairEnded": ("sessions.reactor", "feedback.reactor"),
    "SessionLogged": ("feedback.reactor",),
    "RematchRequested": ("matching.reactor",),
}

SERVICES = ("enrollment", "matching", "sessions", "feedback")
TOPICS = tuple(f"viceversa.{service}{infix}.v1" for service in SERVICES for infix in ("", ".restricted"))


def topic_of(service: str, contract: str) -> str:
    """Where a producer tells it."""
    return f"viceversa.{service}{'.restricted' if contract in RESTRICTED else ''}.v1"


def ce_type(contract: str) -> str:
    """The CloudEvents type."""
    return f"viceversa.{contract}.v1"


def ce_id(private_id: str, contract: str) -> str:
    """The CloudEvents id: UUIDv5 of the private event's id and the type."""
    return str(uuid5(UUID(private_id), ce_type(contract)))


def contract_of(type_: str) -> str | None:
    """`PairCreated` for `viceversa.PairCreated.v1`; None for anything else."""
    prefix, _, rest = type_.partition(".")
    name, _, version = rest.partition(".")
    return name if (prefix, version) == ("viceversa", "v1") else None


def groups() -> dict[str, list[str]]:
    """Topics by consumer group."""
    producer = {contract: service for (service, _), contracts in PUBLISHED.items() for contract in contracts}
    found: dict[str, set[str]] = {}
    for contract, hearing in HEARD.items():
        for group in hearing:
            found.setdefault(group, set()).add(topic_of(producer[contract], contract))
    return {group: sorted(topics) for group, topics in sorted(found.items())}
