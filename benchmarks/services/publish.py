"""Private event → published event."""

from benchmarks.services.contracts import MeterRead
from benchmarks.services.domain import ReadingTaken
from events.runtime.private_events import Recorded
from events.runtime.publishing import Publications


def meter_read(recorded: Recorded[ReadingTaken]) -> MeterRead:
    """Every reading is published."""
    taken = recorded.event
    return MeterRead(meter=recorded.stream_id, reading=taken.reading, unit=taken.unit, note=taken.note)


PUBLICATIONS: Publications = {ReadingTaken: (meter_read,)}
