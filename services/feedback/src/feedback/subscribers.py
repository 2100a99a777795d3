"""What feedback does when another service tells of something: one event, one command."""

from events.contracts.enrollment import ParticipantWithdrawn, ProgramClosed, ProgramOpened
from events.contracts.matching import PairCreated, PairEnded
from events.contracts.sessions import SessionLogged
from events.runtime.consuming import Reactions
from feedback import commands

REACTIONS: Reactions = {
    ProgramOpened: lambda told: commands.start_program(told.event, now=told.at),
    ProgramClosed: lambda told: commands.finish_program(told.event.program, now=told.at),
    ParticipantWithdrawn: lambda told: commands.let_go(told.event.participant, now=told.at),
    PairCreated: lambda told: commands.begin_pair(told.event, now=told.at),
    PairEnded: lambda told: commands.end_pair(told.event.pair, now=told.at),
    SessionLogged: lambda told: commands.ask_after_session(
        told.event.pair, told.event.program, told.event.number, now=told.at
    ),
}
