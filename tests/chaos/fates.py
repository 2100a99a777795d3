"""What became of each fault of a schedule: nothing that was not carried out passes for one that was."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from chaos.schedule import Injection


class Fate(StrEnum):
    """What became of a fault."""

    CARRIED_OUT = "carried out"
    IN_PART = "in part"
    NOT_REACHED = "not reached"
    SKIPPED = "skipped"


class Missed(Exception):
    """A fault could not be carried out, or not all of it; the message says why."""

    def __init__(self, why: str, fate: Fate = Fate.SKIPPED) -> None:
        super().__init__(why)
        self.fate = fate


@dataclass(frozen=True, slots=True)
class Suffered:
    """A fault of the schedule, and what became of it."""

    injection: Injection
    began: float
    """Seconds after the first fault could begin: later than scheduled where another one held its target."""
    fate: Fate
    why: str = ""
    """It was not carried out, or not all of it."""

    @property
    def what(self) -> str:
        """Which fault."""
        return told(self.injection)

    @property
    def came(self) -> str:
        """What became of it."""
        return f"{self.fate}{f' because {self.why}' if self.why else ''}"


def told(injection: Injection) -> str:
    """A fault for people: its kind, and those of its parameters that tell them something."""
    said = (
        value if isinstance(value, str) else f"{name} {value}"
        for name, value in injection.parameters.items()
        if name not in {"seed", "id", "key"}
    )
    return f"{injection.fault} {', '.join(said)}".strip()


def totals(suffered: Iterable[Suffered]) -> Mapping[str, int]:
    """How many faults met each fate."""
    found = Counter(one.fate for one in suffered)
    return {fate.value: found[fate] for fate in Fate}
