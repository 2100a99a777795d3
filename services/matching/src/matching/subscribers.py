"""What matching does when another service tells of something: one event, one command."""

from events.contracts.enrollment import (
    MatchingProfileSet,
    ParticipantEnrolled,
    ParticipantWithdrawn,
    ProgramClosed,
    ProgramOpened,
)
from events.contracts.feedback import RematchRequested
from events.runtime.consuming import Reactions
from matching import commands
from matching.transport import Open


def reactions(unseal: Open) -> Reactions:
    """With a way to open sealed identities."""
    return {
        ProgramOpened: lambda told: commands.open_program(told.event, now=told.at),
        ProgramClosed: lambda told: commands.close_program(told.event.program, now=told.at),
        ParticipantEnrolled: lambda told: commands.enroll(told.event, now=told.at),
        MatchingProfileSet: lambda told: commands.set_profile(
            told.event, unseal(told.event.participant, told.event.identity), now=told.at
        ),
        ParticipantWithdrawn: lambda told: commands.withdraw(told.event.participant, told.event.program, now=told.at),
        RematchRequested: lambda told: commands.let_end(told.event.pair, now=told.at),
    }
