"""The clients' log: every command as it is asked and as it ends, a line each, written at once.

A command without its second line is unknown: the client died, or never heard. `effect` names what the command appends
when it is carried out, in a way that can be looked up in the store.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any, TextIO


class Outcome(StrEnum):
    """What the client knows of a command."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


TOLD = "told "
"""Before the name of a public event: what a store holds sealed is looked for on the topic."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An event of a service's store or topics: its type, and values by path (`stream`, or a field of its data)."""

    service: str
    type: str
    where: Mapping[str, str]

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        return (self.service, self.type, tuple(sorted(self.where.items())))


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as a client sent it."""

    number: int
    name: str
    effect: Effect
    outcome: Outcome = Outcome.UNKNOWN
    detail: str = ""


@dataclass(frozen=True)
class Record:
    """All that clients wrote down."""

    commands: tuple[Asked, ...] = ()
    traces: frozenset[str] = frozenset()
    """Trace ids that clients began."""
    poison: frozenset[str] = frozenset()
    """Ids of the messages that a fault put on a topic, which no store holds."""

    @property
    def counts(self) -> dict[str, int]:
        """Commands by outcome."""
        found = Counter(command.outcome for command in self.commands)
        return {outcome.value: found[outcome] for outcome in Outcome}


@dataclass
class Journal:
    """Writes the log."""

    file: TextIO
    _numbers: Iterator[int] = field(default_factory=count)

    def asked(self, name: str, effect: Effect) -> int:
        """Before the first byte is sent."""
        number = next(self._numbers)
        effected = {"service": effect.service, "type": effect.type, "where": dict(effect.where)}
        self._write({"asked": number, "name": name, "effect": effected})
        return number

    def ended(self, number: int, outcome: Outcome, detail: str = "") -> None:
        """When an answer came, or none will."""
        self._write({"ended": number, "outcome": outcome, "detail": detail})

    def began(self, trace: str) -> None:
        """A request that begins this trace is about to be sent."""
        self._write({"trace": trace})

    def poisoned(self, event_id: str) -> None:
        """A message with this id, which no store holds, is about to be sent to a topic."""
        self._write({"poison": event_id})

    def _write(self, entry: Mapping[str, Any]) -> None:
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()


@contextmanager
def writing(path: Path) -> Iterator[Journal]:
    """A journal in a new file."""
    with path.open("x") as file:
        yield Journal(file)


def read(lines: Iterable[str]) -> Record:
    """What a journal says; a last line that was cut off is left out."""
    commands: dict[int, Asked] = {}
    traces: set[str] = set()
    poison: set[str] = set()
    for line in lines:
        if not line.endswith("\n"):
            break
        match json.loads(line):
            case {"asked": number, "name": name, "effect": effect}:
                commands[number] = Asked(number, name, Effect(**effect))
            case {"ended": number, "outcome": outcome, "detail": detail}:
                asked = commands[number]
                commands[number] = Asked(asked.number, asked.name, asked.effect, Outcome(outcome), detail)
            case {"trace": trace}:
                traces.add(trace)
            case {"poison": event_id}:
                poison.add(event_id)
    return Record(tuple(commands.values()), frozenset(traces), frozenset(poison))
