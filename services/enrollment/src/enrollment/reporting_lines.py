"""Who reports to whom among the people that enrollment knows, as subjects.

A chain of managers goes through people who take part in no program, so no participant's stream can hold it.
"""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import Column, Index, Integer, MetaData, Table, Uuid, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from enrollment.identities import participations
from enrollment.signup_file import circles
from events.runtime.database import any_of, unnest

metadata = MetaData()

reporting_lines = Table(
    "reporting_lines",
    metadata,
    Column("subject", Uuid, primary_key=True),
    Column("manager", Uuid, nullable=False),
    Index("reporting_lines_manager", "manager"),
)

_LOCK = 0x6C_69_6E_65  # any number, the same in every process of the service

_DIRECT = select(reporting_lines.c.subject, reporting_lines.c.manager).where(
    reporting_lines.c.subject == any_of("subjects", Uuid())
)
_ABOVE = _DIRECT.cte("above", recursive=True)
# `union` drops what was found already: a circle, should there be one, ends there.
_ALL_ABOVE = _ABOVE.union(
    select(reporting_lines.c.subject, reporting_lines.c.manager).join(
        _ABOVE, reporting_lines.c.subject == _ABOVE.c.manager
    )
)
_KNOWN = select(_ALL_ABOVE.c.subject, _ALL_ABOVE.c.manager)

_STARTING = unnest("starting", subject=Uuid())
_BELOW = select(_STARTING.c.subject).cte("below", recursive=True)
_ALL_BELOW = _BELOW.union(select(reporting_lines.c.subject).join(_BELOW, reporting_lines.c.manager == _BELOW.c.subject))
_PARTICIPANTS_BELOW = (
    select(participations.c.participant, participations.c.subject)
    .join(_ALL_BELOW, _ALL_BELOW.c.subject == participations.c.subject)
    .where(participations.c.participant > bindparam("after", type_=Uuid()))
    .order_by(participations.c.participant)
    .limit(bindparam("most", type_=Integer()))
)

_GIVEN = unnest("given", subject=Uuid(), manager=Uuid())
_INSERTION = insert(reporting_lines).from_select(["subject", "manager"], select(_GIVEN).order_by(_GIVEN.c.subject))
_PUT = _INSERTION.on_conflict_do_update(
    index_elements=["subject"],
    set_={"manager": _INSERTION.excluded.manager},
    where=reporting_lines.c.manager != _INSERTION.excluded.manager,
)
_TAKE_AWAY = delete(reporting_lines).where(reporting_lines.c.subject == any_of("subjects", Uuid()))


async def known_above(conn: AsyncConnection, subjects: Collection[UUID]) -> Mapping[UUID, UUID]:
    """Manager by subject, for these subjects and everybody above them."""
    if not subjects:
        return {}
    found = await conn.execute(_KNOWN, {"subjects": list(subjects)})
    return {row.subject: row.manager for row in found}


async def participants_below(
    conn: AsyncConnection, subjects: Collection[UUID], *, after: UUID, most: int
) -> Mapping[UUID, UUID]:
    """Subject by participant, in any program: of these subjects and everybody below them, behind `after` by id."""
    found = await conn.execute(_PARTICIPANTS_BELOW, {"subject": list(subjects), "after": after, "most": most})
    return {row.participant: row.subject for row in found}


async def put(conn: AsyncConnection, manager_of: Mapping[UUID, UUID | None]) -> None:
    """Note the managers of these subjects; None: they have none.

    What another import has made a circle of meanwhile stays as it is.
    """
    await _alone(conn)
    given = {subject: manager for subject, manager in manager_of.items() if manager is not None}
    top = [subject for subject, manager in manager_of.items() if manager is None]
    if top:
        await conn.execute(_TAKE_AWAY, {"subjects": top})
    if given:
        known = await known_above(conn, {*given, *given.values()})
        for circle in circles({**known, **given}):
            for subject in circle:
                given.pop(subject, None)
    if given:
        await conn.execute(_PUT, {"subject": list(given), "manager": list(given.values())})


async def _alone(conn: AsyncConnection) -> None:
    """Keep others from changing reporting lines until this transaction ends: two right changes can form a circle."""
    await conn.execute(select(func.pg_advisory_xact_lock(_LOCK)))
