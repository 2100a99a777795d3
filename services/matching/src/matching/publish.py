"""The seam: which private events of matching leave it, and as what."""

from events.contracts import matching as published
from events.runtime.private_events import Recorded
from events.runtime.publishing import Publications
from matching.domain.candidate import RoundMissed
from matching.domain.pair import PairCreated, PairEnded, PairProposed, ProposalAnswered
from matching.domain.round import RoundPublished


def round_published(recorded: Recorded[RoundPublished]) -> published.RoundPublished:
    """To anybody: a round in numbers."""
    event, figures = recorded.event, recorded.event.figures
    return published.RoundPublished(
        round=event.round,
        program=event.program,
        number=event.number,
        mentors=figures.mentors,
        mentees=figures.mentees,
        proposals=figures.proposals,
        value=figures.value,
        bound=figures.bound,
    )


def pair_proposed(recorded: Recorded[PairProposed]) -> published.PairProposed:
    """To the platform's own services, without the reasons."""
    event = recorded.event
    return published.PairProposed(
        pair=event.pair, program=event.program, round=event.round, mentor=event.mentor, mentee=event.mentee
    )


def proposal_answered(recorded: Recorded[ProposalAnswered]) -> published.ProposalAnswered:
    """To the platform's own services; the reason of a decline stays here."""
    event = recorded.event
    return published.ProposalAnswered(pair=event.pair, program=event.program, by=event.by, answer=event.answer)


def pair_created(recorded: Recorded[PairCreated]) -> published.PairCreated:
    """To anybody: two participants are a pair."""
    event = recorded.event
    return published.PairCreated(
        pair=event.pair,
        program=event.program,
        mentor=event.mentor,
        mentee=event.mentee,
        mentor_region=event.mentor_region,
        mentee_region=event.mentee_region,
    )


def pair_ended(recorded: Recorded[PairEnded]) -> published.PairEnded:
    """To anybody, with the one neutral reason."""
    return published.PairEnded(pair=recorded.event.pair, program=recorded.event.program)


def participant_unmatched(recorded: Recorded[RoundMissed]) -> published.ParticipantUnmatched:
    """To the platform's own services: somebody waits."""
    event = recorded.event
    return published.ParticipantUnmatched(
        participant=event.participant, program=event.program, round=event.round, rounds_waited=event.rounds_waited
    )


PUBLICATIONS: Publications = {
    RoundPublished: (round_published,),
    PairProposed: (pair_proposed,),
    ProposalAnswered: (proposal_answered,),
    PairCreated: (pair_created,),
    PairEnded: (pair_ended,),
    RoundMissed: (participant_unmatched,),
}
