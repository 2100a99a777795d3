"""A pair, from the proposal to its end. The mentor answers first; what a mentor declines, no mentee ever hears of."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from events.contracts.kinds import Answer, Role
from events.runtime.private_events import Event, Personal
from events.runtime.refusals import NotFound, Refusal
from events.runtime.streams import Category, Stream
from matching.domain.round import Explanation, Proposal


class NotYourTurn(Refusal):
    """This side has answered already."""

    slug, status, title = "answered-already", 409, "You have answered this proposal"


class ProposalIsClosed(Refusal):
    """Nothing is left to answer."""

    slug, status, title = "proposal-closed", 409, "This proposal is not open any more"


class PairProposed(Event):
    """The two were proposed to each other; a place is held on both sides."""

    type: ClassVar[str] = "PairProposed"
    pair: UUID
    program: UUID
    round: UUID
    mentor: UUID
    mentee: UUID
    mentor_region: str
    mentee_region: str
    explanation: Explanation
    minimum_grade_gap: int = 1
    """Of the round's policy: it holds until both have accepted."""


class ProposalLapsed(Event):
    """Between draft and publication one of the two left, was taken, or came under a hard rule: nobody hears of it."""

    type: ClassVar[str] = "ProposalLapsed"
    pair: UUID
    program: UUID
    round: UUID
    mentor: UUID
    mentee: UUID
    mentor_region: str
    mentee_region: str


class ProposalAnswered(Event):
    """One side answered. The reason of a decline is for the coordinator."""

    type: ClassVar[str] = "ProposalAnswered"
    pair: UUID
    program: UUID
    by: Role
    answer: Answer
    author: UUID
    """The subject whose key seals the reason."""
    reason: Annotated[str | None, Personal("author")] = None


class PairCreated(Event):
    """Both sides accepted."""

    type: ClassVar[str] = "PairCreated"
    pair: UUID
    program: UUID
    mentor: UUID
    mentee: UUID
    mentor_region: str
    mentee_region: str


class ProposalClosed(Event):
    """Before both had accepted, one of the two left the program, or a hard rule came to forbid the pair."""

    type: ClassVar[str] = "ProposalClosed"
    pair: UUID
    program: UUID


class PairEnded(Event):
    """The pair meets no more. There is no reason in it, on purpose."""

    type: ClassVar[str] = "PairEnded"
    pair: UUID
    program: UUID


class State(StrEnum):
    """Where a pair stands."""

    NONE = "none"
    LAPSED = "lapsed"
    PROPOSED = "proposed"
    MENTOR_ACCEPTED = "mentor_accepted"
    DECLINED = "declined"
    CLOSED = "closed"
    CREATED = "created"
    ENDED = "ended"


TURN = {State.PROPOSED: Role.MENTOR, State.MENTOR_ACCEPTED: Role.MENTEE}
"""Whose answer a proposal waits for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair as it stands."""

    proposed: PairProposed | None = None
    state: State = State.NONE
    mentor_accepted: bool = False
    reason: str | None = None
    """Of a decline."""

    def visible_to(self, role: Role) -> bool:
        """Whether this proposal exists for one side: for the mentee, not before the mentor has accepted."""
        return self.proposed is not None and (role is Role.MENTOR or self.mentor_accepted)


def propose(pair: Pair, proposal: Proposal, *, program: UUID, round: UUID, minimum_grade_gap: int) -> list[Event]:
    """Propose the two to each other, once."""
    if pair.state is not State.NONE:
        return []
    return [
        PairProposed(
            pair=proposal.pair,
            program=program,
            round=round,
            mentor=proposal.mentor,
            mentee=proposal.mentee,
            mentor_region=proposal.mentor_region,
            mentee_region=proposal.mentee_region,
            explanation=proposal.explanation,
            minimum_grade_gap=minimum_grade_gap,
        )
    ]


def lapse(pair: Pair, proposal: Proposal, *, program: UUID, round: UUID) -> list[Event]:
    """Let a drafted proposal lapse, once."""
    if pair.state is not State.NONE:
        return []
    return [
        ProposalLapsed(
            pair=proposal.pair,
            program=program,
            round=round,
            mentor=proposal.mentor,
            mentee=proposal.mentee,
            mentor_region=proposal.mentor_region,
            mentee_region=proposal.mentee_region,
        )
    ]


def answer(pair: Pair, by: Role, given: Answer, *, author: UUID, reason: str | None) -> list[Event]:
    """Answer for one side; the mentee's yes creates the pair. Raises NotFound, NotYourTurn, ProposalIsClosed."""
    proposed = pair.proposed
    if proposed is None or not pair.visible_to(by):
        raise NotFound
    if pair.state not in TURN:
        raise ProposalIsClosed
    if TURN[pair.state] is not by:
        raise NotYourTurn
    answered = ProposalAnswered(
        pair=proposed.pair,
        program=proposed.program,
        by=by,
        answer=given,
        author=author,
        reason=reason if given is Answer.DECLINED else None,
    )
    if given is Answer.DECLINED or by is Role.MENTOR:
        return [answered]
    return [
        answered,
        PairCreated(
            pair=proposed.pair,
            program=proposed.program,
            mentor=proposed.mentor,
            mentee=proposed.mentee,
            mentor_region=proposed.mentor_region,
            mentee_region=proposed.mentee_region,
        ),
    ]


def close(pair: Pair) -> list[Event]:
    """Close a proposal that waits for an answer. A pair that exists ends in the hour's batch instead."""
    if pair.proposed is None or pair.state not in TURN:
        return []
    return [ProposalClosed(pair=pair.proposed.pair, program=pair.proposed.program)]


def end(pair: Pair) -> list[Event]:
    """End a pair, once."""
    if pair.proposed is None or pair.state is not State.CREATED:
        return []
    return [PairEnded(pair=pair.proposed.pair, program=pair.proposed.program)]


def evolve(pair: Pair, event: Event) -> Pair:  # noqa: PLR0911 - one a kind of event
    """Apply one event."""
    match event:
        case PairProposed():
            return replace(pair, proposed=event, state=State.PROPOSED)
        case ProposalLapsed():
            return replace(pair, state=State.LAPSED)
        case ProposalAnswered(answer=Answer.DECLINED):
            return replace(pair, state=State.DECLINED, reason=event.reason)
        case ProposalAnswered(by=Role.MENTOR):
            return replace(pair, state=State.MENTOR_ACCEPTED, mentor_accepted=True)
        case PairCreated():
            return replace(pair, state=State.CREATED)
        case ProposalClosed():
            return replace(pair, state=State.CLOSED)
        case PairEnded():
            return replace(pair, state=State.ENDED)
    return pair


PAIR = Category("pair", Pair(), evolve)


def pair_stream(pair: UUID) -> Stream[Pair]:
    """A pair has the same id here as everywhere."""
    return PAIR.stream(pair)
