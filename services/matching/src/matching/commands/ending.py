"""Pairs end: first that it is due, in private, then in the hour's batch."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from events.runtime.streams import Appends, Command, Stream, Streams
from matching.domain import candidate
from matching.domain import ending as domain
from matching.domain import pair as pairs
from matching.domain.candidate import Candidate, Cause


def let_end(pair_id: UUID, *, now: datetime) -> Command:
    """Somebody asked for another match: the pair ends at the next full hour."""
    pair, ending = pairs.pair_stream(pair_id), domain.ending_stream(pair_id)
    return Command(
        loads=(pair, ending),
        decide=lambda streams: [(ending, event) for event in domain.let_end(streams[ending], streams[pair], now)],
        at=now,
    )


def end_pair(pair_id: UUID, *, now: datetime) -> Command:
    """End a pair whose end is due. Whoever of the two still takes part waits for the next round."""
    pair = pairs.pair_stream(pair_id)

    def sides(streams: Streams) -> Iterator[Stream[Candidate]]:
        proposed = streams[pair].proposed
        participants = (proposed.mentor, proposed.mentee) if proposed else ()
        return (candidate.candidate_stream(participant) for participant in participants)

    def decide(streams: Streams) -> Appends:
        events = pairs.end(streams[pair])
        yield from ((pair, event) for event in events)
        if events:
            for side in sides(streams):
                freed = candidate.release(streams[side], side.id, pair_id, Cause.ENDED, now)
                yield from ((side, event) for event in freed)

    return Command(loads=(pair,), also=sides, decide=decide, at=now, correlation=pair_id)
