"""What matching tells: rounds, proposals and pairs."""

from typing import ClassVar

from events.contracts.kinds import (
    Count,
    Measure,
    NeutralReason,
    PairId,
    ParticipantId,
    ProgramId,
    ProposalAnswer,
    Region,
    RoleInProgram,
    RoundId,
)
from events.contracts.registry import Audience, PublishedEvent


class MatchingPublic(PublishedEvent):
    """Any system may subscribe: `viceversa.matching.v1`."""

    producer: ClassVar[str] = "matching"
    audience: ClassVar[Audience] = Audience.PUBLIC


class MatchingRestricted(PublishedEvent):
    """For the platform's own services: `viceversa.matching.restricted.v1`."""

    producer: ClassVar[str] = "matching"
    audience: ClassVar[Audience] = Audience.RESTRICTED


class RoundPublished(MatchingPublic):
    """A round's proposals went out. `value` sums their scores; `bound` - `value` certifies the gap to the best."""

    type: ClassVar[str] = "viceversa.RoundPublished.v1"
    round: RoundId
    program: ProgramId
    number: Count
    mentors: Count
    mentees: Count
    proposals: Count
    value: Measure
    bound: Measure


class PairCreated(MatchingPublic):
    """Both sides accepted."""

    type: ClassVar[str] = "viceversa.PairCreated.v1"
    pair: PairId
    program: ProgramId
    mentor: ParticipantId
    mentee: ParticipantId
    mentor_region: Region
    mentee_region: Region


class PairEnded(MatchingPublic):
    """A pair meets no more. The reason is the same for every pair: who asked, and why, is never told."""

    type: ClassVar[str] = "viceversa.PairEnded.v1"
    pair: PairId
    program: ProgramId
    reason: NeutralReason = "ended"


class PairProposed(MatchingRestricted):
    """A published draft match. The mentor answers first."""

    type: ClassVar[str] = "viceversa.PairProposed.v1"
    pair: PairId
    program: ProgramId
    round: RoundId
    mentor: ParticipantId
    mentee: ParticipantId


class ProposalAnswered(MatchingRestricted):
    """One side answered a proposal."""

    type: ClassVar[str] = "viceversa.ProposalAnswered.v1"
    pair: PairId
    program: ProgramId
    by: RoleInProgram
    answer: ProposalAnswer


class ParticipantUnmatched(MatchingRestricted):
    """A published round left somebody waiting."""

    type: ClassVar[str] = "viceversa.ParticipantUnmatched.v1"
    participant: ParticipantId
    program: ProgramId
    round: RoundId
    rounds_waited: Count
