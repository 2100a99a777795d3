"""Invariant 6: no message is lost. It is applied, it waits for its cause, or a dead letter says why and its key waits.

A good message never becomes a dead letter in a campaign: only what a fault put on a topic may be one.
"""

from collections import defaultdict
from collections.abc import Iterator

from chaos.checker.evidence import Dead, Evidence, Store, Told
from chaos.checker.finding import Finding
from chaos.checker.routes import HEARD, contract_of, groups

NAME = "6 no message is lost: it is applied, waits, or is a dead letter with its key behind it"


def check(evidence: Evidence) -> Finding:
    """Look for every record in every consumer that hears it."""
    checked = 0
    violations: list[str] = []
    heard: dict[str, dict[str, Told]] = defaultdict(dict)
    for record in evidence.topic:
        for group in HEARD.get(contract_of(record.type) or "", ()):
            if record.id is not None and record.id not in heard[group]:
                heard[group][record.id] = record
                checked += 1
    for group, records in heard.items():
        service, _, consumer = group.partition(".")
        if service in evidence.stores:
            violations += _of_consumer(group, consumer, evidence.stores[service], records, evidence)
    violations += _unnamed(evidence)
    for service, store in evidence.stores.items():
        violations += waits_for_nothing(service, store)
    return Finding.of(NAME, checked, violations)


def _of_consumer(
    group: str, consumer: str, store: Store, records: dict[str, Told], evidence: Evidence
) -> Iterator[str]:
    taken = {row.event_id for row in store.inbox if row.consumer == consumer}
    waiting = {row.event_id: row for row in store.waiting if row.consumer == consumer}
    dead = {row.event_id: row for row in store.dead if row.consumer == consumer}
    for event_id, record in records.items():
        places = [event_id in taken, event_id in waiting, event_id in dead]
        if sum(places) != 1:
            names = [name for name, there in zip(("inbox", "waiting", "dead letters"), places, strict=True) if there]
            yield f"{group}: event {event_id} at {record.place} is in {' and '.join(names) or 'none of its tables'}"
        if event_id in dead and event_id not in evidence.record.poison:
            yield f"{group}: event {event_id} is a dead letter and nothing was wrong with it: {dead[event_id].reason}"
    open_letters = [letter for letter in dead.values() if not letter.discarded]
    yield from _unexplained(group, open_letters)
    yield from _overtaken(group, open_letters, taken, records)


def _unexplained(group: str, letters: list[Dead]) -> Iterator[str]:
    for letter in letters:
        if not letter.reason:
            yield f"{group}: dead letter {letter.event_id} does not say why"


def _overtaken(group: str, letters: list[Dead], taken: set[str], records: dict[str, Told]) -> Iterator[str]:
    """Later messages of a dead letter's key that were applied."""
    by_place: dict[tuple[str, int, str | None], list[Told]] = defaultdict(list)
    for record in records.values():
        by_place[record.topic, record.partition, record.key].append(record)
    for letter in letters:
        if letter.offset is None or letter.partition is None:
            continue
        for record in by_place[letter.topic, letter.partition, letter.key]:
            if record.offset > letter.offset and record.id in taken:
                yield f"{group}: event {record.id} of key {letter.key} passed the dead letter {letter.event_id}"


def _unnamed(evidence: Evidence) -> Iterator[str]:
    """Records without an id, which must be dead letters of everybody who follows their topic."""
    for record in evidence.topic:
        if record.id is not None:
            continue
        for group, topics in groups().items():
            service, _, consumer = group.partition(".")
            if record.topic not in topics or service not in evidence.stores:
                continue
            place = (consumer, record.topic, record.partition, record.offset)
            letters = {(one.consumer, one.topic, one.partition, one.offset) for one in evidence.stores[service].dead}
            if place not in letters:
                yield f"{group}: what stands at {record.place} without an id is no dead letter"


def waits_for_nothing(service: str, store: Store) -> Iterator[str]:
    """Messages that nothing holds: neither a cause that is missing, nor an earlier message of their key."""
    streams = {event.stream for event in store.events}
    held = {(letter.consumer, letter.key) for letter in store.dead if not letter.discarded}
    held |= {(row.consumer, row.key) for row in store.waiting if row.cause is not None and row.cause not in streams}
    for row in store.waiting:
        if (row.consumer, row.key) not in held:
            named = f"event {row.event_id} of key {row.key}"
            yield f"{service}.{row.consumer}: {named} waits for nothing (cause {row.cause})"
