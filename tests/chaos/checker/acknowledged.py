"""Invariant 1: every acknowledged command's events are there exactly once; unknown ones 0 or 1 times.

Commands that would append the same thing are counted together: of three that name it, two acknowledged and one unknown,
the store holds two or three. What only refused commands asked for is not there at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from chaos.checker.evidence import Evidence, StoredEvent
from chaos.checker.finding import Finding
from chaos.journal import Asked, Outcome

NAME = "1 acknowledged commands are there once, unknown ones at most once"


def check(evidence: Evidence) -> Finding:
    """Look up what each command asked for."""
    commands: dict[tuple, list[Asked]] = defaultdict(list)
    for command in evidence.record.commands:
        commands[command.effect.key].append(command)
    found = _found(evidence, commands)
    return Finding.of(NAME, len(evidence.record.commands), _violations(commands, found))


def _violations(commands: dict[tuple, list[Asked]], found: dict[tuple, list[StoredEvent]]) -> Iterator[str]:
    for key, asked in commands.items():
        service, event_type, where = key
        least = sum(command.outcome is Outcome.OK for command in asked)
        most = least + sum(command.outcome is Outcome.UNKNOWN for command in asked)
        there = found.get(key, [])
        if not least <= len(there) <= most:
            numbers = ", ".join(f"{command.number} ({command.outcome})" for command in asked)
            ids = ", ".join(event.id for event in there) or "none"
            yield (
                f"{service}: {event_type} of {dict(where)} is there {len(there)} times, not {least} to {most};"
                f" commands {numbers}; events {ids}"
            )


def _found(evidence: Evidence, keys: Iterable[tuple]) -> dict[tuple, list[StoredEvent]]:
    """Events by the key of the effect that they are."""
    shapes: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for service, event_type, where in keys:
        shapes[service, event_type].add(tuple(path for path, _ in where))
    found: dict[tuple, list[StoredEvent]] = defaultdict(list)
    for service, store in evidence.stores.items():
        for event in store.events:
            for paths in shapes.get((service, event.type), ()):
                found[service, event.type, tuple((path, _value(event, path)) for path in paths)].append(event)
    return found


def _value(event: StoredEvent, path: str) -> str:
    if path == "stream":
        return event.stream
    value: object = event.data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return str(value)
