"""Invariant 4: every effect in another service happened once per event id.

An effect stands in the transaction that took the event in, and in no other: inbox row and appended events share its id.
Some effects must be there; whether one was to be expected is said by the events alone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from chaos.checker.evidence import Evidence, Store, StoredEvent
from chaos.checker.finding import Finding
from chaos.checker.routes import contract_of

NAME = "4 every effect in another service happened once for each event id"

MUST_FOLLOW = {
    ("ProgramOpened", "matching"): "MatchingOpened",
    ("ProgramOpened", "feedback"): "ProgramStarted",
    ("ParticipantEnrolled", "matching"): "CandidateEnrolled",
    ("PairCreated", "sessions"): "EngagementBegun",
    ("PairCreated", "feedback"): "PairBegan",
    ("ParticipantWithdrawn", "matching"): "CandidateWithdrew",
}
"""(public event, service that hears it) → the private event that it causes there, exactly once."""


def check(evidence: Evidence) -> Finding:
    """Look at what every event caused in every service."""
    checked = sum(len(store.inbox) for store in evidence.stores.values())
    violations = [
        violation
        for service, store in evidence.stores.items()
        for violation in (*_twice(service, store), *_elsewhere(service, store), *_absent(service, store))
    ]
    return Finding.of(NAME, checked, violations)


def _twice(service: str, store: Store) -> Iterator[str]:
    for (consumer, event_id), times in Counter((row.consumer, row.event_id) for row in store.inbox).items():
        if times > 1:
            yield f"{service}.{consumer}: event {event_id} was taken in {times} times"


def _caused(store: Store) -> dict[str, list[StoredEvent]]:
    caused: dict[str, list[StoredEvent]] = defaultdict(list)
    for event in store.events:
        if "causation" in event.metadata:
            caused[event.metadata["causation"]].append(event)
    return caused


def _elsewhere(service: str, store: Store) -> Iterator[str]:
    taken = {row.event_id: row.place[0] for row in store.inbox if row.consumer == "reactor"}
    for cause, events in _caused(store).items():
        transactions = {event.place[0] for event in events}
        if transactions != {taken.get(cause)}:
            ids = ", ".join(f"{event.type} {event.id} in {event.place[0]}" for event in events)
            yield f"{service}: event {cause}, taken in by transaction {taken.get(cause)}, caused {ids}"


def _absent(service: str, store: Store) -> Iterator[str]:
    caused = _caused(store)
    for row in store.inbox:
        expected = MUST_FOLLOW.get((contract_of(row.headers["ce_type"]) or "", service))
        if row.consumer != "reactor" or expected is None:
            continue
        times = sum(event.type == expected for event in caused[row.event_id])
        if times != 1:
            yield f"{service}: event {row.event_id} caused {expected} {times} times"
