"""Proposals are made and answered; pair and both candidates always change together."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from events.contracts.kinds import Answer, Role
from events.runtime.streams import Appends, Command, Stream, Streams
from matching.domain import candidate, round
from matching.domain import pair as domain
from matching.domain.candidate import Candidate, Cause


def propose(
    round_id: UUID, pair_id: UUID, mentor: UUID, mentee: UUID, *, now: datetime, actor: UUID | None = None
) -> Command:
    """Make one proposal of a published round, or let it lapse if one of the two is not free (any more).

    Repeating it changes nothing, so that a publication which was cut short is made up for by all of it again.
    """
    rounds, pair = round.round_stream(round_id), domain.pair_stream(pair_id)
    junior, senior = candidate.candidate_stream(mentor), candidate.candidate_stream(mentee)

    def decide(streams: Streams) -> Appends:
        drafted = streams[rounds].proposals.get(pair_id)
        program = streams[junior].program
        if streams[rounds].state is not round.State.PUBLISHED or drafted is None or program is None:
            return
        if streams[junior].may_meet(mentee) and streams[senior].may_meet(mentor):
            events = domain.propose(streams[pair], drafted, program=program, round=round_id)
            yield from ((pair, event) for event in events)
            if events:
                yield from ((junior, e) for e in candidate.reserve(streams[junior], mentor, pair_id, mentee))
                yield from ((senior, e) for e in candidate.reserve(streams[senior], mentee, pair_id, mentor))
            return
        events = domain.lapse(streams[pair], drafted, program=program, round=round_id)
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
    """Answer a proposal. A decline frees both and parts them for good; the second yes makes them a pair."""
    pair = domain.pair_stream(pair_id)

    def sides(streams: Streams) -> Iterator[Stream[Candidate]]:
        proposed = streams[pair].proposed
        participants = (proposed.mentor, proposed.mentee) if proposed else ()
        return (candidate.candidate_stream(participant) for participant in participants)

    def decide(streams: Streams) -> Appends:
        events = domain.answer(streams[pair], by, given, author=actor, reason=reason)
        yield from ((pair, event) for event in events)
        if given is Answer.DECLINED:
            for side in sides(streams):
                freed = candidate.release(streams[side], side.id, pair_id, Cause.DECLINED, now)
                yield from ((side, event) for event in freed)
        elif any(isinstance(event, domain.PairCreated) for event in events):
            for side in sides(streams):
                yield from ((side, event) for event in candidate.confirm(streams[side], side.id, pair_id))

    return Command(
        loads=(pair,),
        also=sides,
        decide=decide,
        at=now,
        requires=(pair,),
        expected={pair_id: expected},
        correlation=pair_id,
        actor=actor,
    )
