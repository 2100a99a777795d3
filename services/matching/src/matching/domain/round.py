"""A round: a draft of proposals with the reasons for each, then published or discarded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from events.contracts.kinds import Role
from events.runtime.private_events import Event
from events.runtime.refusals import NotFound, Refusal
from events.runtime.streams import Category, Stream

PART = 400
"""Proposals or unmatched people an event: some 300 KB at most, well below what the store takes."""

T = TypeVar("T")

Weight = Annotated[int, Field(ge=1, le=10)]
RegionName = Annotated[str, Field(min_length=1, max_length=60)]


class RoundNotDraft(Refusal):
    """It was published or discarded before."""

    slug, status, title = "round-not-draft", 409, "This round is no draft any more"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RoundWeights(_Value):
    """Weight of each criterion; null where it plays no part.

    That of identity is fixed: whoever could vary it would learn from the drafts who shares a wish.
    """

    other_unit: Weight | None = 2
    other_location: Weight | None = 1


class RoundPolicy(_Value):
    """How a round decides."""

    minimum_grade_gap: Annotated[int, Field(ge=1, le=50)] = 2
    minimum_overlap_hours: Annotated[float, Field(ge=0, le=12)] = 2
    prefer: Literal["coverage", "score"] = "coverage"
    one_sided: Annotated[float, Field(ge=0, le=1)] = 0.1
    """What a match is worth that helps one side only."""
    waiting_bonus: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Points for each round that somebody has waited."""
    weights: RoundWeights = RoundWeights()
    regions_may_meet: Annotated[tuple[tuple[RegionName, RegionName], ...], Field(max_length=400)] | None = None
    """Pairs of regions, in any order; null lets all meet."""


class Explanation(_Value):
    """What both may know of why they were put together."""

    mentor_teaches: tuple[str, ...]
    mentee_teaches: tuple[str, ...]
    languages: tuple[str, ...]
    overlap_minutes: int


class Proposal(_Value):
    """Two people whom the round puts together."""

    pair: UUID
    mentor: UUID
    mentee: UUID
    mentor_region: str
    mentee_region: str
    score: float
    contributions: dict[str, float]
    """They sum to `score`. What identity wishes added is kept nowhere."""
    explanation: Explanation


class Unmatched(_Value):
    """Somebody whom the round leaves without anybody, and why."""

    participant: UUID
    role: Role
    region: str
    others: int
    """People on the other side."""
    removed: dict[str, int]
    """Rule → how many of them it removes."""
    taken: int
    """How many no rule removes."""


class Figures(_Value):
    """A round in numbers."""

    mentors: int
    mentees: int
    proposals: int
    unmatched: int
    value: float
    """Sum of scores, so without what identity wishes added."""
    bound: float
    """`value`, and how far the draft can be from the best possible, identity wishes counted."""


class RoundDrafted(Event):
    """A round was solved; its proposals follow."""

    type: ClassVar[str] = "RoundDrafted"
    round: UUID
    program: UUID
    number: int
    on: date
    policy: RoundPolicy
    figures: Figures


class ProposalsDrafted(Event):
    """A part of the draft's proposals."""

    type: ClassVar[str] = "ProposalsDrafted"
    round: UUID
    program: UUID
    proposals: tuple[Proposal, ...]


class UnmatchedDrafted(Event):
    """A part of those whom the draft leaves out."""

    type: ClassVar[str] = "UnmatchedDrafted"
    round: UUID
    program: UUID
    unmatched: tuple[Unmatched, ...]


class RoundPublished(Event):
    """The proposals go out. Each is then made in its own command, and made up for after a crash."""

    type: ClassVar[str] = "RoundPublished"
    round: UUID
    program: UUID
    number: int
    figures: Figures


class RoundDiscarded(Event):
    """Nothing comes of this draft."""

    type: ClassVar[str] = "RoundDiscarded"
    round: UUID
    program: UUID


class State(StrEnum):
    """Where a round stands."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a solve answers."""

    on: date
    policy: RoundPolicy
    figures: Figures
    proposals: tuple[Proposal, ...]
    unmatched: tuple[Unmatched, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """A round as it stands."""

    drafted: RoundDrafted | None = None
    state: State = State.DRAFT
    proposals: Mapping[UUID, Proposal] = field(default_factory=dict)
    unmatched: tuple[Unmatched, ...] = ()

    @property
    def regions(self) -> frozenset[str]:
        """Of everybody in it."""
        proposed = {region for each in self.proposals.values() for region in (each.mentor_region, each.mentee_region)}
        return frozenset(proposed | {each.region for each in self.unmatched})


def draft(round_id: UUID, program: UUID, number: int, made: Draft) -> list[Event]:
    """A solved round, in events that are never too large."""
    return [
        RoundDrafted(
            round=round_id, program=program, number=number, on=made.on, policy=made.policy, figures=made.figures
        ),
        *(ProposalsDrafted(round=round_id, program=program, proposals=tuple(part)) for part in _parts(made.proposals)),
        *(UnmatchedDrafted(round=round_id, program=program, unmatched=tuple(part)) for part in _parts(made.unmatched)),
    ]


def publish(round: Round) -> list[Event]:
    """Send the proposals out. Raises NotFound, RoundNotDraft."""
    drafted = _draft_of(round)
    return [
        RoundPublished(round=drafted.round, program=drafted.program, number=drafted.number, figures=drafted.figures)
    ]


def discard(round: Round) -> list[Event]:
    """Make nothing of it. Raises NotFound, RoundNotDraft."""
    drafted = _draft_of(round)
    return [RoundDiscarded(round=drafted.round, program=drafted.program)]


def evolve(round: Round, event: Event) -> Round:
    """Apply one event."""
    match event:
        case RoundDrafted():
            return replace(round, drafted=event)
        case ProposalsDrafted():
            return replace(round, proposals={**round.proposals, **{each.pair: each for each in event.proposals}})
        case UnmatchedDrafted():
            return replace(round, unmatched=round.unmatched + event.unmatched)
        case RoundPublished():
            return replace(round, state=State.PUBLISHED)
        case RoundDiscarded():
            return replace(round, state=State.DISCARDED)
    return round


def _draft_of(round: Round) -> RoundDrafted:
    if round.drafted is None:
        raise NotFound
    if round.state is not State.DRAFT:
        raise RoundNotDraft(f"It is {round.state} already")
    return round.drafted


def _parts(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[start : start + PART] for start in range(0, len(things), PART))


ROUND = Category("round", Round(), evolve)


def round_stream(round_id: UUID) -> Stream[Round]:
    """One round."""
    return ROUND.stream(round_id)
