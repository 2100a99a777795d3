"""Invariant 7: lag returns to zero within a stated time after the last fault."""

from collections.abc import Iterator

from chaos.checker.evidence import Evidence
from chaos.checker.finding import Finding

NAME = "7 lag returns to zero within the stated time"


def check(evidence: Evidence) -> Finding:
    """Nobody is behind: no consumer group, no relay, no projection."""
    checked = len(evidence.behind) + sum(len(list(_readers(evidence, service))) for service in evidence.stores)
    violations = [f"{place} is {number} messages behind" for place, number in evidence.behind.items() if number]
    for service, store in evidence.stores.items():
        newest = store.events[-1] if store.events else None
        if newest is None:
            continue
        violations += [
            f"{service}: {name} stands at {store.cursors.get(name)}, before event {newest.id} at {newest.place}"
            for name in _readers(evidence, service)
            if store.cursors.get(name, (0, 0)) < newest.place
        ]
    violations += [f"{what} stands still" for what in evidence.stood_still]
    if evidence.recovery_seconds > evidence.within_seconds:
        violations.append(f"it took {evidence.recovery_seconds:.1f} s, not {evidence.within_seconds:g}")
    return Finding.of(NAME, checked, violations)


def _readers(evidence: Evidence, service: str) -> Iterator[str]:
    cursors = evidence.stores[service].cursors
    shards = [name for name in cursors if name.startswith(f"{evidence.relay_cursor} ")]
    yield from shards or [evidence.relay_cursor]
    yield from (name for name in cursors if name.startswith("projection "))
