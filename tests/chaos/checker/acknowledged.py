"""Invariant 1: every acknowledged command's events are there exactly once; unknown ones 0 or 1 times.

Commands that would append the same thing are counted together: of three that name it, two acknowledged and one unknown,
the store holds two or three. What only refused commands asked for is not there at all. Where the store seals what a
client gave, the event is looked up by what it became on its topic, once an id; invariant 2 ties topics to stores.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chaos.checker.evidence import Evidence
from chaos.checker.finding import Finding
from chaos.checker.routes import contract_of
from chaos.journal import TOLD, Asked, Outcome

NAME = "1 acknowledged commands are there once, unknown ones at most once"


def check(evidence: Evidence) -> Finding:
    """Look up what each command asked for."""
    commands: dict[tuple, list[Asked]] = defaultdict(list)
    for command in evidence.record.commands:
        commands[command.effect.key].append(command)
    found = _found(evidence, commands)
    return Finding.of(NAME, len(evidence.record.commands), _violations(commands, found))


def _violations(commands: dict[tuple, list[Asked]], found: dict[tuple, list[str]]) -> Iterator[str]:
    for key, asked in commands.items():
        service, event_type, where = key
        least = sum(command.outcome is Outcome.OK for command in asked)
        most = least + sum(command.outcome is Outcome.UNKNOWN for command in asked)
        there = found.get(key, [])
        if not least <= len(there) <= most:
            numbers = ", ".join(f"{command.number} ({command.outcome})" for command in asked)
            ids = ", ".join(there) or "none"
            yield (
                f"{service}: {event_type} of {dict(where)} is there {len(there)} times, not {least} to {most};"
                f" commands {numbers}; events {ids}"
            )


def _found(evidence: Evidence, keys: Iterable[tuple]) -> dict[tuple, list[str]]:
    """Ids of events by the key of the effect that they are."""
    shapes: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for service, event_type, where in keys:
        shapes[service, event_type].add(tuple(path for path, _ in where))
    found: dict[tuple, list[str]] = defaultdict(list)
    for service, store in evidence.stores.items():
        for event in store.events:
            for paths in shapes.get((service, event.type), ()):
                found[service, event.type, _values(event.stream, event.data, paths)].append(event.id)
    for record in {record.id: record for record in evidence.topic}.values():
        service, told = record.topic.split(".")[1], f"{TOLD}{contract_of(record.type)}"
        for paths in shapes.get((service, told), ()):
            found[service, told, _values(record.key or "", record.data, paths)].append(str(record.id))
    return found


def _values(stream: str, data: Mapping[str, Any], paths: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((path, stream if path == "stream" else _value(data, path)) for path in paths)


def _value(data: Mapping[str, Any], path: str) -> str:
    value: object = data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return str(value)
