"""Which event of another service becomes which command here. Topics have no order between them; the streams do."""

from events.contracts.enrollment import ParticipantWithdrawn
from events.contracts.matching import PairCreated, PairEnded
from events.runtime.consuming import Reactions
from sessions import commands

REACTIONS: Reactions = {
    PairCreated: lambda received: commands.begin(received.event, now=received.at),
    PairEnded: lambda received: commands.end(received.event.pair, now=received.at),
    ParticipantWithdrawn: lambda received: commands.leave(received.event.participant, now=received.at),
}
