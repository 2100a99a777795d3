"""Who stands above whom. Everybody has at most one manager: a way up ends at the top or runs in a circle."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from enrollment.signup_file.cells import Misfit, quoted
from enrollment.signup_file.heading import Problem
from enrollment.signup_file.sign_ups import RefusedRow, SignUp

K = TypeVar("K", bound=Hashable)

MOST_LEVELS = 100
"""No organisation has more; beyond that, ids in the file are mixed up."""
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Settled(Generic[K]):
    """Rows whose place in the organisation is clear."""

    accepted: tuple[SignUp, ...]
    refused: tuple[RefusedRow, ...]
    chains: Mapping[str, tuple[K, ...]]
    """External id of an accepted row → its managers, nearest first."""


def settle(
    rows: Iterable[SignUp | RefusedRow],
    key_of: Mapping[str, K],
    known: Mapping[K, K],
    *,
    known_stays: bool = False,
) -> Settled[K]:
    """Follow everybody's managers to the top, through the file and through who is known already.

    `key_of` tells people apart by external id: all of the file's and the managers that are known. A bad row still says
    who its person reports to, since a gap would let a reporting line be matched; nothing of it is kept. With
    `known_stays`, a row cannot change a manager that is known: nobody steps out of their own reporting line.
    """
    accepted: dict[K, SignUp] = {}
    refused: list[RefusedRow] = []
    manager_of = dict(known)
    line_of: dict[K, tuple[int, str]] = {}
    for row in rows:
        if isinstance(row, RefusedRow):
            refused.append(row)
            manager = key_of.get(row.manager_id) if row.manager_id is not None else None
        else:
            try:
                manager = _manager(row, key_of, known if known_stays else {})
            except Misfit as misfit:
                refused.append(_refused(row, str(misfit)))
                continue
            accepted[key_of[row.external_id]] = row
            manager_of.pop(key_of[row.external_id], None)
        if row.external_id is not None and manager is not None:
            manager_of[key_of[row.external_id]] = manager
            line_of[key_of[row.external_id]] = (row.line, row.external_id)
    refused += _without_circles(accepted, manager_of, known, line_of)
    chains = {}
    for key, row in list(accepted.items()):
        chain = chain_above(key, manager_of)
        if len(chain) > MOST_LEVELS:
            message = f"More than {MOST_LEVELS} managers stand above this person. Check manager_id from here up."
            refused.append(_refused(row, message))
            del accepted[key]
        else:
            chains[row.external_id] = chain
    return Settled(tuple(accepted.values()), tuple(sorted(refused, key=lambda row: row.line)), chains)


def _manager(row: SignUp, key_of: Mapping[str, K], staying: Mapping[K, K]) -> K | None:
    """Raises Misfit."""
    stays = staying.get(key_of[row.external_id])
    if row.manager_id is None:
        return stays
    if row.manager_id not in key_of:
        raise Misfit(
            f"Nobody has the external_id {quoted(row.manager_id)}, in this file or before. "
            "Correct it, or add the manager's row."
        )
    if stays is not None and stays != key_of[row.manager_id]:
        raise Misfit(
            "Another manager is known of this person. Leave manager_id out, or ask a coordinator to change it."
        )
    return key_of[row.manager_id]


def _refused(row: SignUp, message: str) -> RefusedRow:
    return RefusedRow(row.line, (Problem(row.line, "manager_id", message),))


def _without_circles(
    accepted: dict[K, SignUp], manager_of: dict[K, K], known: Mapping[K, K], line_of: Mapping[K, tuple[int, str]]
) -> list[RefusedRow]:
    """Refuse every row on a circle; its person keeps the manager that is known, who may close another."""
    refused = []
    given = set(line_of)
    while found := circles(manager_of):
        for circle in found:
            told = _told(circle, line_of)
            for key in circle:
                if key in accepted:
                    refused.append(_refused(accepted.pop(key), told))
                if key in given and key in known:
                    manager_of[key] = known[key]
                else:
                    del manager_of[key]
                given.discard(key)
    return refused


def _told(circle: Sequence[K], line_of: Mapping[K, tuple[int, str]]) -> str:
    names = []
    for key in circle[:_SHOWN]:
        line, external_id = line_of.get(key, (None, None))
        names.append("somebody known already" if external_id is None else f"{quoted(external_id)} (line {line})")
    if len(circle) > _SHOWN:
        names.append(f"{len(circle) - _SHOWN} more")
    return f"These people report to one another in a circle: {' → '.join([*names, names[0]])}. Correct one manager_id."


def circles(manager_of: Mapping[K, K]) -> list[tuple[K, ...]]:
    """People who are their own managers' managers: each circle once, in reporting order."""
    found = []
    settled: set[K] = set()
    for start in manager_of:
        path: dict[K, None] = {}
        person = start
        while person in manager_of and person not in settled and person not in path:
            path[person] = None
            person = manager_of[person]
        if person in path:
            members = list(path)
            found.append(tuple(members[members.index(person) :]))
        settled.update(path)
    return found


def chain_above(person: K, manager_of: Mapping[K, K]) -> tuple[K, ...]:
    """Managers of a person, nearest first, at most one more than MOST_LEVELS."""
    chain: list[K] = []
    while person in manager_of and len(chain) <= MOST_LEVELS:
        person = manager_of[person]
        chain.append(person)
    return tuple(chain)
