"""Rounds are drafted, published, discarded."""

from datetime import datetime
from uuid import UUID

from events.runtime.streams import Appends, Command, Streams
from matching.domain import candidate, program
from matching.domain import round as domain
from matching.domain.round import Draft


def draft(round_id: UUID, program_id: UUID, made: Draft, *, now: datetime, actor: UUID) -> Command:
    """Keep what was solved, and take the program's one place for a draft, in one transaction."""
    programs, stream = program.program_stream(program_id), domain.round_stream(round_id)

    def decide(streams: Streams) -> Appends:
        known = streams[programs]
        yield from ((programs, event) for event in program.start_round(known, program_id, round_id))
        yield from ((stream, event) for event in domain.draft(round_id, program_id, known.rounds + 1, made))

    return Command(loads=(programs, stream), decide=decide, at=now, actor=actor)


def publish(round_id: UUID, *, program_id: UUID, now: datetime, actor: UUID, expected: int) -> Command:
    """Send the proposals out: what follows from it is made by `propose` and `miss`, each proposal for itself."""
    programs, stream = program.program_stream(program_id), domain.round_stream(round_id)

    def decide(streams: Streams) -> Appends:
        if streams[programs].closed:
            raise program.ProgramNotOpen
        yield from ((stream, event) for event in domain.publish(streams[stream]))
        yield from ((programs, event) for event in program.finish_round(streams[programs], program_id, round_id))

    return Command(
        loads=(stream, programs),
        decide=decide,
        at=now,
        requires=(stream,),
        expected={round_id: expected},
        actor=actor,
    )


def discard(round_id: UUID, *, program_id: UUID, now: datetime, actor: UUID, expected: int) -> Command:
    """Make nothing of the draft."""
    programs, stream = program.program_stream(program_id), domain.round_stream(round_id)

    def decide(streams: Streams) -> Appends:
        yield from ((stream, event) for event in domain.discard(streams[stream]))
        yield from ((programs, event) for event in program.finish_round(streams[programs], program_id, round_id))

    return Command(
        loads=(stream, programs),
        decide=decide,
        at=now,
        requires=(stream,),
        expected={round_id: expected},
        actor=actor,
    )


def miss(round_id: UUID, participant: UUID, *, now: datetime) -> Command:
    """Note that a published round left somebody without anybody. Repeating it changes nothing."""
    stream = candidate.candidate_stream(participant)
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, event) for event in candidate.miss(streams[stream], participant, round_id)],
        at=now,
        requires=(stream,),
        correlation=participant,
    )
