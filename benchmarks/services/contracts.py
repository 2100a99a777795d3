"""What the measured services tell one another."""

from typing import ClassVar

from events.contracts.kinds import Count, ProgramId, ProgramName
from events.contracts.registry import Audience, PublishedEvent


class MeterRead(PublishedEvent):
    """A meter was read."""

    type: ClassVar[str] = "viceversa.MeterRead.v1"
    producer: ClassVar[str] = "metering"
    audience: ClassVar[Audience] = Audience.PUBLIC
    meter: ProgramId
    reading: Count
    unit: ProgramName
    note: ProgramName
