"""Proposals are made and answered; pair and both candidates always change together."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from events.contracts.kinds import Answer, Role
from events.runtime.streams import Appends, Command, Stream, Streams
from matching.domain import candidate, program, round
from matching.domain import pair as domain
from matching.domain.candidate import Candidate, Cause


def propose(
    round_id: UUID, pair_id: UUID, mentor: UUID, mentee: UUID, *, now: datetime, actor: UUID | None = None
) -> Command:
    """Make one proposal of a published round, or let it lapse if the two may not be paired (any more).

    Repeating it changes nothing, so that a publication which was cut short is made up for by all of it again.
    """
    rounds, pair = round.round_stream(round_id), domain.pair_stream(pair_id)
    junior, senior = candidate.candidate_stream(mentor), candidate.candidate_stream(mentee)

    def decide(streams: Streams) -> Appends:
        known = streams[rounds]
        proposal = known.proposals.get(pair_id)
        if known.state is not round.State.PUBLISHED or known.drafted is None or proposal is None:
            return
        program_id, gap = known.drafted.program, known.drafted.policy.minimum_grade_gap
        free = streams[junior].may_meet(mentee) and streams[senior].may_meet(mentor)
        if free and candidate.rules_allow(streams[junior], streams[senior], minimum_grade_gap=gap):
            events = domain.propose(streams[pair], proposal, program=program_id, round=round_id, minimum_grade_gap=gap)
            yield from ((pair, event) for event in events)
            if events:
                yield from ((junior, e) for e in candidate.reserve(streams[junior], mentor, pair_id, mentee))
                yield from ((senior, e) for e in candidate.reserve(streams[senior], mentee, pair_id, mentor))
            return
        events = domain.lapse(streams[pair], proposal, program=program_id, round=round_id)
        yield from ((pair, event) for event in events)
        if events:
            yield from ((junior, event) for event in candidate.miss(streams[junior], mentor, round_id))
            yield from ((senior, event) for event in candidate.miss(streams[senior], mentee, round_id))

    return Command(
        loads=(rounds, pair, junior, senior),
        decide=decide,
        at=now,
        requires=(rounds, junior, senior),
        correlation=pair_id,
        actor=actor,
    )


def answer(
    pair_id: UUID, by: Role, given: Answer, reason: str | None, *, now: datetime, actor: UUID, expected: int
) -> Command:
    """Answer a proposal. A decline frees both and parts them for good; the second yes makes them a pair.

    A yes to two whom a hard rule forbids by now closes the proposal instead. Raises ProgramNotOpen.
    """
    pair = domain.pair_stream(pair_id)

    def further(streams: Streams) -> Iterator[Stream[Any]]:
        yield from _sides(streams, pair)
        proposed = streams[pair].proposed
        if proposed is not None:
            yield program.program_stream(proposed.program)

    def released(streams: Streams, cause: Cause) -> Appends:
        for side in _sides(streams, pair):
            freed = candidate.release(streams[side], side.id, pair_id, cause, now)
            yield from ((side, event) for event in freed)

    def decide(streams: Streams) -> Appends:
        events = domain.answer(streams[pair], by, given, author=actor, reason=reason)
        proposed = streams[pair].proposed
        _check_open(streams, proposed)
        if given is Answer.ACCEPTED and not _allowed(streams, proposed):
            yield from ((pair, event) for event in domain.close(streams[pair]))
            yield from released(streams, Cause.FORBIDDEN)
            return
        yield from ((pair, event) for event in events)
        if given is Answer.DECLINED:
            yield from released(streams, Cause.DECLINED)
        elif any(isinstance(event, domain.PairCreated) for event in events):
            for side in _sides(streams, pair):
                yield from ((side, event) for event in candidate.confirm(streams[side], side.id, pair_id))

    return Command(
        loads=(pair,),
        also=further,
        decide=decide,
        at=now,
        requires=(pair,),
        expected={pair_id: expected},
        correlation=pair_id,
        actor=actor,
    )


def _sides(streams: Streams, pair: Stream[domain.Pair]) -> Iterator[Stream[Candidate]]:
    proposed = streams[pair].proposed
    participants = (proposed.mentor, proposed.mentee) if proposed else ()
    return (candidate.candidate_stream(participant) for participant in participants)


def _check_open(streams: Streams, proposed: domain.PairProposed | None) -> None:
    if proposed is not None and streams[program.program_stream(proposed.program)].closed:
        raise program.ProgramNotOpen


def _allowed(streams: Streams, proposed: domain.PairProposed | None) -> bool:
    return proposed is not None and candidate.rules_allow(
        streams[candidate.candidate_stream(proposed.mentor)],
        streams[candidate.candidate_stream(proposed.mentee)],
        minimum_grade_gap=proposed.minimum_grade_gap,
    )
