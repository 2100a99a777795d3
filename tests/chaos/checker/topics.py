"""Invariant 2: in the store versions run 1..n; the topic holds every published event, and per key in order."""

from collections import defaultdict
from collections.abc import Iterator

from chaos.checker.evidence import Evidence, StoredEvent
from chaos.checker.finding import Finding
from chaos.checker.routes import PUBLISHED, ce_id, ce_type, topic_of

NAME = "2 the topics hold every published event, in order of versions for each key"


def check(evidence: Evidence) -> Finding:
    """Compare stores and topics, both ways."""
    published = _published(evidence)
    checked = sum(len(store.events) for store in evidence.stores.values()) + len(evidence.topic)
    return Finding.of(
        NAME,
        checked,
        [*_gaps(evidence), *_missing(evidence, published), *_wrong(evidence, published), *_disorder(evidence)],
    )


def _published(evidence: Evidence) -> dict[str, tuple[str, str, StoredEvent]]:
    """By CloudEvents id: the service, the contract and the private event behind it."""
    return {
        ce_id(event.id, contract): (service, contract, event)
        for service, store in evidence.stores.items()
        for event in store.events
        for contract in PUBLISHED.get((service, event.type), ())
    }


def _gaps(evidence: Evidence) -> Iterator[str]:
    for service, store in evidence.stores.items():
        streams: dict[str, list[StoredEvent]] = defaultdict(list)
        for event in store.events:
            streams[event.stream].append(event)
        for stream, events in streams.items():
            if (versions := [event.version for event in events]) != list(range(1, len(events) + 1)):
                ids = ", ".join(event.id for event in events)
                yield f"{service}: in the order of the log stream {stream} has the versions {versions}; events {ids}"


def _missing(evidence: Evidence, published: dict[str, tuple[str, str, StoredEvent]]) -> Iterator[str]:
    told = {record.id for record in evidence.topic}
    for public_id, (service, contract, event) in published.items():
        if public_id not in told:
            yield f"{service}: {contract} {public_id} of event {event.id}, version {event.version}, is on no topic"


def _wrong(evidence: Evidence, published: dict[str, tuple[str, str, StoredEvent]]) -> Iterator[str]:
    partitions: dict[tuple[str, str | None], int] = {}
    for record in evidence.topic:
        if record.id in evidence.record.poison or record.id is None:
            continue
        known = published.get(record.id)
        if known is None:
            yield f"{record.place}: event {record.id} of type {record.type} is in no store"
            continue
        service, contract, event = known
        said = (record.topic, record.key, record.headers.get("ce_sequence", "").lstrip("0"), record.type)
        meant = (topic_of(service, contract), event.stream, str(event.version), ce_type(contract))
        if said != meant:
            yield f"{record.place}: event {record.id} says {said}, its store {meant}"
        if partitions.setdefault((record.topic, record.key), record.partition) != record.partition:
            yield f"{record.place}: event {record.id} of key {record.key} stands in another partition than before"


def _disorder(evidence: Evidence) -> Iterator[str]:
    newest: dict[tuple[str, str | None], int] = {}
    known: set[str] = set()
    for record in evidence.topic:
        if record.id is None or record.id in known or record.id in evidence.record.poison:
            continue
        known.add(record.id)
        version, place = int(record.headers.get("ce_sequence", "0")), (record.topic, record.key)
        if version < newest.get(place, 0):
            yield (
                f"{record.place}: event {record.id}, version {version} of key {record.key}, comes first after"
                f" version {newest[place]}"
            )
        newest[place] = max(version, newest.get(place, 0))
