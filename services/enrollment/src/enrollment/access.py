"""What a caller is to a program and its people. The streams themselves tell, so it is never out of date.

Only who is in a pair with whom is matching's to decide; `queries.partners_among` says what has been heard of it.
"""

from collections.abc import Collection

from enrollment.domain.participant import Participant
from enrollment.domain.program import Program
from events.contracts.authorization import Relation, relations_of
from events.runtime.http import Caller


def to_program(caller: Caller, program: Program, regions: Collection[str] | None = None) -> set[Relation]:
    """Relations to a program, or to these regions of it."""
    found = relations_of(caller.roles)
    theirs = program.coordinators.get(caller.subject, ())
    if theirs and (regions is None or set(theirs) & set(regions)):
        found.add(Relation.COORDINATOR)
    return found


def to_participant(
    caller: Caller, program: Program, participant: Participant, *, in_a_pair: bool = False
) -> set[Relation]:
    """Relations to somebody in a program; `in_a_pair` when the caller is or was their partner."""
    if participant.place is None:
        return set()
    found = to_program(caller, program, [participant.place.region])
    if participant.place.subject == caller.subject:
        found.add(Relation.SELF)
    if in_a_pair:
        found.add(Relation.OWN_PAIR)
    return found
