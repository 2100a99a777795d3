"""Published event → command of billing."""

from benchmarks.services import commands
from benchmarks.services.contracts import MeterRead
from events.runtime.consuming import Reactions

REACTIONS: Reactions = {
    MeterRead: lambda received: commands.bill(
        received.event.meter, received.event.reading, received.event.unit, received.event.note, now=received.at
    )
}
