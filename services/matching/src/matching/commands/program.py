"""Programs open and close."""

from datetime import datetime
from uuid import UUID

from events.contracts.enrollment import ProgramOpened
from events.runtime.streams import Command
from matching.domain import program as domain


def open_program(opened: ProgramOpened, *, now: datetime) -> Command:
    """Rounds may be run from now on."""
    stream = domain.program_stream(opened.program)
    event = domain.MatchingOpened(program=opened.program, regions=opened.regions)
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, each) for each in domain.open_program(streams[stream], event)],
        at=now,
    )


def close_program(program: UUID, *, now: datetime) -> Command:
    """No further round."""
    stream = domain.program_stream(program)
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, each) for each in domain.close_program(streams[stream], program)],
        at=now,
    )
