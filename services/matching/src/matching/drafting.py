"""From candidates to a draft: the pool as the engine's problem, solved, and told in the words of the domain. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID, uuid4

from events.contracts.kinds import Role
from events.runtime.refusals import Refusal
from matching import engine
from matching.domain.candidate import Candidate
from matching.domain.round import Draft, Explanation, Figures, Proposal, RoundPolicy, Unmatched

_MINUTES = 60
LARGEST_ROUND = 36_000_000
"""Free places of mentees × of mentors. The engine takes far more; a draft of that many as events is not measured."""
_PRIVATE = "identity"
"""The contribution that stays in the engine: it, or a sum with it, would tell who shares a wish."""


class RoundTooLarge(Refusal):
    """More people than one round can take."""

    slug, status, title = "round-too-large", 422, "The round is too large to be solved at once"


class RoundMakesNoSense(Refusal):
    """A profile or the policy holds a number that the engine refuses."""

    slug, status, title = "round-makes-no-sense", 422, "The round cannot be solved"


def make_draft(pool: Mapping[UUID, Candidate], policy: RoundPolicy, on: date) -> Draft:
    """Solve a round over everybody who has a free place. Takes seconds for thousands: not for an event loop.

    `pool` holds everybody of the program, paired and withdrawn too: their manager chains complete those of the others.

    Raises RoundTooLarge, RoundMakesNoSense.
    """
    free = {participant: pool[participant] for participant in sorted(pool) if pool[participant].free_places > 0}
    mentees = [participant for participant, candidate in free.items() if candidate.role is Role.MENTEE]
    mentors = [participant for participant, candidate in free.items() if candidate.role is Role.MENTOR]
    places = [sum(free[one].free_places for one in side) for side in (mentees, mentors)]
    if places[0] * places[1] > LARGEST_ROUND:
        raise RoundTooLarge(f"{places[0]} × {places[1]} free places are more than {LARGEST_ROUND:,} pairs")
    seniors = [_person(free[participant]) for participant in mentees]
    juniors = [_person(free[participant]) for participant in mentors]
    try:
        problem = engine.problem_of(
            seniors,
            juniors,
            _policy(policy),
            on=on,
            regions_may_meet=policy.regions_may_meet,
            apart=_apart(free, mentees, mentors),
            lines={
                str(candidate.subject): [str(subject) for subject in candidate.profile.manager_chain]
                for candidate in pool.values()
                if candidate.profile is not None
            },
        )
        matching = engine.solve(problem)
    except engine.ProblemTooLarge as error:
        raise RoundTooLarge(str(error)) from error
    except engine.BadProblem as error:
        raise RoundMakesNoSense(str(error)) from error
    sides = {engine.Side.MENTEE: mentees, engine.Side.MENTOR: mentors}
    proposals = tuple(
        _proposal(each, free, mentors[each.mentor], mentees[each.mentee])
        for each in engine.explain(problem, matching, seniors, juniors)
    )
    value = sum(proposal.score for proposal in proposals)
    unmatched = tuple(
        _unmatched(each, free, sides[each.side][each.index]) for each in engine.why_not(problem, matching)
    )
    figures = Figures(
        mentors=len(mentors),
        mentees=len(mentees),
        proposals=len(proposals),
        unmatched=len(unmatched),
        value=value,
        bound=value + (matching.bound - matching.value),
    )
    return Draft(on=on, policy=policy, figures=figures, proposals=proposals, unmatched=unmatched)


def _policy(policy: RoundPolicy) -> engine.Policy:
    return engine.Policy(
        minimum_grade_gap=policy.minimum_grade_gap,
        minimum_overlap_minutes=round(policy.minimum_overlap_hours * _MINUTES),
        prefer=engine.Prefer(policy.prefer),
        one_sided=policy.one_sided,
        waiting_bonus=policy.waiting_bonus,
        weights=engine.Weights(**policy.weights.model_dump()),
    )


def _person(candidate: Candidate) -> engine.Person:
    profile = candidate.profile
    if profile is None or candidate.region is None:
        raise ValueError("a candidate with a free place has a profile and a region")
    return engine.Person(
        subject=str(candidate.subject),
        grade=profile.grade,
        region=candidate.region,
        unit=profile.unit,
        location=profile.location,
        time_zone=profile.time_zone,
        working_hours=profile.working_hours,
        languages=profile.languages,
        managers=[str(subject) for subject in profile.manager_chain],
        offers=profile.offers,
        seeks=profile.seeks,
        capacity=candidate.free_places,
        covered=bool(candidate.partners),
        waited=candidate.rounds_waited,
        wish=candidate.identity.shared if candidate.identity else None,
    )


def _apart(pool: Mapping[UUID, Candidate], mentees: Sequence[UUID], mentors: Sequence[UUID]) -> set[tuple[int, int]]:
    """Whom the history of either side, or a place held for the other, keeps apart."""
    row = {participant: index for index, participant in enumerate(mentees)}
    column = {participant: index for index, participant in enumerate(mentors)}
    apart = set()
    for participant, candidate in pool.items():
        for partner in {*candidate.history, *candidate.partners.values()}:
            if participant in row and partner in column:
                apart.add((row[participant], column[partner]))
            elif participant in column and partner in row:
                apart.add((row[partner], column[participant]))
    return apart


def _proposal(explained: engine.Explanation, pool: Mapping[UUID, Candidate], mentor: UUID, mentee: UUID) -> Proposal:
    parts = {name: points for name, points in explained.contributions.items() if name != _PRIVATE}
    return Proposal(
        pair=uuid4(),
        mentor=mentor,
        mentee=mentee,
        mentor_region=pool[mentor].region or "",
        mentee_region=pool[mentee].region or "",
        score=sum(parts.values()),
        contributions=parts,
        explanation=Explanation(
            mentor_teaches=explained.mentor_teaches,
            mentee_teaches=explained.mentee_teaches,
            languages=explained.languages,
            overlap_minutes=explained.overlap_minutes,
        ),
    )


def _unmatched(reason: engine.WhyNot, pool: Mapping[UUID, Candidate], participant: UUID) -> Unmatched:
    return Unmatched(
        participant=participant,
        role=Role(reason.side.value),
        region=pool[participant].region or "",
        others=reason.others,
        removed=reason.removed,
        taken=reason.taken,
    )
