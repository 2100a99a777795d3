"""Who takes part, and how many places of each are held."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection
from matching.domain.candidate import (
    CandidateEnrolled,
    CandidateProfileSet,
    CandidateWithdrew,
    PartnerConfirmed,
    PartnerReleased,
    PartnerReserved,
)
from matching.projections.tables import candidates

_COLUMNS = list(candidates.c.keys())
_GIVEN = unnest("given", **{column.name: column.type for column in candidates.c})
_NEW = insert(candidates).from_select(_COLUMNS, select(_GIVEN).order_by(_GIVEN.c.participant))
_WRITE = _NEW.on_conflict_do_update(
    index_elements=[candidates.c.participant],
    set_={
        "role": func.coalesce(_NEW.excluded.role, candidates.c.role),
        "enrolled": or_(_NEW.excluded.enrolled, candidates.c.enrolled),
        "profiled": or_(_NEW.excluded.profiled, candidates.c.profiled),
        "withdrawn": or_(_NEW.excluded.withdrawn, candidates.c.withdrawn),
        "places_held": candidates.c.places_held + _NEW.excluded.places_held,
        "confirmed": candidates.c.confirmed + _NEW.excluded.confirmed,
    },
)


async def apply(conn: AsyncConnection, recorded: Sequence[Recorded[Any]]) -> None:
    """One statement a page: what changed for each participant is summed up first."""
    changed: dict[UUID, dict[str, Any]] = {}
    for event in (each.event for each in recorded):
        row = changed.setdefault(event.participant, _unchanged(event.participant, event.program))
        match event:
            case CandidateEnrolled():
                row.update(role=event.role.value, enrolled=True)
            case CandidateProfileSet():
                row.update(role=event.role.value, profiled=True)
            case PartnerReserved():
                row["places_held"] += 1
            case PartnerConfirmed():
                row["confirmed"] += 1
            case PartnerReleased():
                row["places_held"] -= 1
                row["confirmed"] -= event.was_confirmed
            case CandidateWithdrew():
                row["withdrawn"] = True
    await conn.execute(_WRITE, {column: [row[column] for row in changed.values()] for column in _COLUMNS})


def _unchanged(participant: UUID, program: UUID) -> dict[str, Any]:
    return {
        "participant": participant,
        "program": program,
        "role": None,
        "enrolled": False,
        "profiled": False,
        "withdrawn": False,
        "places_held": 0,
        "confirmed": 0,
    }


CANDIDATES = StoreProjection(
    name="candidates",
    handles=(
        CandidateEnrolled,
        CandidateProfileSet,
        PartnerReserved,
        PartnerConfirmed,
        PartnerReleased,
        CandidateWithdrew,
    ),
    apply=apply,
    tables=(candidates,),
)
