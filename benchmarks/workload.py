"""What every contestant writes: the same words, sizes and numbers."""

from dataclasses import dataclass

UNIT = "kilowatt hours"
NOTE = "read at the door, the tenant was in; seal intact, display clean, next visit agreed for the first week of spring"

PARTITIONS = 12
READINGS_A_METER = 4


@dataclass(frozen=True, slots=True)
class StoreWork:
    """One measurement of a store: so many commands over so many streams that hold two events already."""

    database_url: str
    commands: int
    set_size: int = 50
    callers: int = 64

    @property
    def streams(self) -> int:
        """Each gets four commands, so that everybody folds streams of the same length."""
        return self.commands // 4


@dataclass(frozen=True, slots=True)
class LogWork:
    """One measurement of a relay or a consumer: a topic that holds so many messages, and where effects go."""

    database_url: str
    kafka: str
    topic: str
    messages: int


@dataclass(frozen=True, slots=True)
class RebuildWork:
    """One measurement of a rebuild: so many readings, a multiple of 1,000."""

    database_url: str
    readings: int
