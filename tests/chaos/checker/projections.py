"""Invariant 3: every projection equals the fold of its source, row for row.

The folds are the checker's own, in a few lines of Python each, from the rows of stores and inboxes alone. Beside them
stands what the runtime says of each table and the same one rebuilt.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from chaos.checker import folds
from chaos.checker.evidence import Evidence, Store
from chaos.checker.finding import Finding

NAME = "3 every projection equals the fold of its source, row for row"

Row = Mapping[str, Any]
Fold = Callable[[Store], Iterable[Row]]

FOLDS: Mapping[tuple[str, str], Fold] = {
    ("enrollment", "participants"): folds.participants,
    ("enrollment", "programs"): folds.enrollment_programs,
    ("enrollment", "partners"): folds.partners,
    ("matching", "members"): folds.members,
    ("matching", "coordinators"): folds.coordinators,
    ("matching", "candidates"): folds.candidates,
    ("matching", "rounds"): folds.rounds,
    ("matching", "pairs"): folds.pairs,
    ("matching", "missed"): folds.missed,
    ("matching", "endings"): folds.endings,
    ("sessions", "members"): folds.members,
    ("sessions", "coordinators"): folds.coordinators,
    ("sessions", "programs"): folds.sessions_programs,
    ("sessions", "engagements"): folds.engagements,
    ("sessions", "sessions"): folds.sessions,
    ("feedback", "members"): folds.members,
    ("feedback", "coordinators"): folds.coordinators,
    ("feedback", "units"): folds.units,
    ("feedback", "sheets"): folds.sheets,
    ("feedback", "finished_programs"): folds.finished_programs,
}


def check(evidence: Evidence) -> Finding:
    """Fold every source again and compare."""
    checked = 0
    violations: list[str] = []
    for (service, table), fold in FOLDS.items():
        if service not in evidence.stores:
            continue
        store = evidence.stores[service]
        live = {_normal(row) for row in store.tables.get(table, ())}
        try:
            folded = {_normal(row) for row in fold(store)}
        except (KeyError, TypeError) as error:
            violations.append(f"{service}.{table} cannot be folded: its source lacks {error}")
            continue
        checked += len(folded)
        violations += _differences(f"{service}.{table}", live, folded)
        if len(live) != len(store.tables.get(table, ())):
            violations.append(f"{service}.{table} holds a row twice")
    for made in evidence.rebuilt:
        checked += made.rows
        if made.only_live or made.only_rebuilt:
            numbers = f"{made.only_live} rows only live, {made.only_rebuilt} only rebuilt"
            violations.append(f"{made.table} differs from itself rebuilt: {numbers}, such as {', '.join(made.keys)}")
    return Finding.of(NAME, checked, violations)


def _differences(table: str, live: set[tuple[Any, ...]], folded: set[tuple[Any, ...]]) -> Iterator[str]:
    for row in sorted(live - folded, key=repr):
        yield f"{table} holds {dict(row)}, which does not follow from its source"
    for row in sorted(folded - live, key=repr):
        yield f"{table} lacks {dict(row)}, which follows from its source"


def _normal(row: Row) -> tuple[Any, ...]:
    return tuple((name, _value(value)) for name, value in sorted(row.items()))


def _value(value: Any) -> Any:
    """Times that say the same are the same."""
    if isinstance(value, dict):
        return _normal(value)
    if isinstance(value, list | tuple):
        return tuple(map(_value, value))
    if isinstance(value, str) and len(value) > 18 and value[4:5] == "-" and value[10:11] == "T":
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return value
