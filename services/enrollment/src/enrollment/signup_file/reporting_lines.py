"""Who stands above whom. Everybody has at most one manager: a way up ends at the top or runs in a circle."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from enrollment.signup_file.cells import Misfit, quoted
from enrollment.signup_file.heading import Problem
from enrollment.signup_file.sign_ups import RefusedRow, SignUp

K = TypeVar("K", bound=Hashable)

MOST_LEVELS = 100
"""No organisation has more; beyond that, ids in the file are mixed up."""
_SHOWN = 8
_OWN_LINE = (
    "This manager_id cannot be taken in here. If your coordinator has signed you up before, leave it out. If not, "
    "write your manager's external_id, or ask your coordinator to import you first."
)
"""The same whatever is wrong: who signs themselves up learns from it of nobody whether they are known."""


@dataclass(frozen=True, slots=True)
class Settled(Generic[K]):
    """Rows whose place in the organisation is clear."""

    accepted: tuple[SignUp, ...]
    refused: tuple[RefusedRow, ...]
    chains: Mapping[str, tuple[K, ...]]
    """External id of an accepted row → its managers, nearest first."""
    learnt: Mapping[str, K]
    """External id of a bad row → the manager it names, where none was known of its person."""


def settle(
    rows: Iterable[SignUp | RefusedRow],
    key_of: Mapping[str, K],
    known: Mapping[K, K],
    *,
    own: K | None = None,
    tops: Collection[K] = (),
) -> Settled[K]:
    """Follow everybody's managers to the top, through the file and through who is known already.

    `key_of` tells people apart by external id: all of the file's and the managers that are known. A bad row still says
    who its person reports to where that is not known, since a gap would let a reporting line be matched. `own` is who
    gives in the rows, unless they may change any: nobody steps out of their own reporting line. `tops` are people of
    whom somebody else has said that they have no manager.
    """
    accepted: dict[K, SignUp] = {}
    refused: list[RefusedRow] = []
    manager_of = dict(known)
    line_of: dict[K, tuple[int, str]] = {}
    for row in rows:
        if isinstance(row, RefusedRow):
            refused.append(row)
            if row.external_id is None or row.manager_id is None or key_of[row.external_id] in known:
                continue
            manager = key_of.get(row.manager_id)
        else:
            try:
                is_own = own is not None and key_of[row.external_id] == own
                manager = _own_manager(row, key_of, known, tops) if is_own else _manager(row, key_of)
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
    learnt = {
        row.external_id: manager_of[key_of[row.external_id]]
        for row in refused
        if row.external_id is not None and key_of[row.external_id] in manager_of.keys() - known.keys()
    }
    return Settled(tuple(accepted.values()), tuple(sorted(refused, key=lambda row: row.line)), chains, learnt)


def _own_manager(row: SignUp, key_of: Mapping[str, K], known: Mapping[K, K], tops: Collection[K]) -> K | None:
    """Raises Misfit."""
    person = key_of[row.external_id]
    stays = known.get(person)
    said = key_of.get(row.manager_id) if row.manager_id is not None else None
    if row.manager_id is None and (stays is not None or person in tops):
        return stays
    if said is None or person in tops or stays not in {None, said}:
        raise Misfit(_OWN_LINE)
    return said


def _manager(row: SignUp, key_of: Mapping[str, K]) -> K | None:
    """Raises Misfit."""
    if row.manager_id is None:
        return None
    if row.manager_id not in key_of:
        raise Misfit(
            f"Nobody has the external_id {quoted(row.manager_id)}, in this file or before. "
            "Correct it, or add the manager's row."
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
            # Where nothing on it was given, what is known runs in a circle: it is cut, so that this comes to an end.
            for key in given.intersection(circle) or set(circle):
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


def unshortened(person: K, chain: tuple[K, ...], before: Sequence[K], tops: Collection[K]) -> tuple[K, ...]:
    """The chain, and above its end whoever stood there before: of the end's manager nothing is known now, but was.

    Not above one of `tops`, who are known to have no manager.
    """
    path, path_before = (person, *chain), (person, *before)
    if path[-1] in tops or path[-1] not in path_before:
        return chain
    above = path_before[path_before.index(path[-1]) + 1 :]
    return chain if set(above) & set(path) else (*chain, *above)[:MOST_LEVELS]


def chain_above(person: K, manager_of: Mapping[K, K]) -> tuple[K, ...]:
    """Managers of a person, nearest first, at most one more than MOST_LEVELS."""
    chain: list[K] = []
    while person in manager_of and len(chain) <= MOST_LEVELS:
        person = manager_of[person]
        chain.append(person)
    return tuple(chain)
