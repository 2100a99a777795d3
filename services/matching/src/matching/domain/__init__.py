"""What matching decides on, one module a stream. Values and pure functions; the clock is an argument."""

from matching.domain.candidate import (
    CandidateEnrolled,
    CandidateProfileSet,
    CandidateWithdrew,
    PartnerConfirmed,
    PartnerReleased,
    PartnerReserved,
    RoundMissed,
)
from matching.domain.ending import EndDue
from matching.domain.pair import (
    PairCreated,
    PairEnded,
    PairProposed,
    ProposalAnswered,
    ProposalClosed,
    ProposalLapsed,
)
from matching.domain.program import MatchingClosed, MatchingOpened, RoundFinished, RoundStarted
from matching.domain.round import ProposalsDrafted, RoundDiscarded, RoundDrafted, RoundPublished, UnmatchedDrafted

EVENTS = (
    CandidateEnrolled,
    CandidateProfileSet,
    CandidateWithdrew,
    EndDue,
    MatchingClosed,
    MatchingOpened,
    PairCreated,
    PairEnded,
    PairProposed,
    PartnerConfirmed,
    PartnerReleased,
    PartnerReserved,
    ProposalAnswered,
    ProposalClosed,
    ProposalLapsed,
    ProposalsDrafted,
    RoundDiscarded,
    RoundDrafted,
    RoundFinished,
    RoundMissed,
    RoundPublished,
    RoundStarted,
    UnmatchedDrafted,
)
