"""Who a caller is to a thing, answered from the tables."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, and_, exists, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.authorization import Relation, relations_of
from events.contracts.kinds import Role
from events.membership.tables import coordinators, members


class Caller(Protocol):
    """Who asks: what this module needs of the HTTP edge's caller."""

    @property
    def subject(self) -> UUID:
        """The person, across programs."""

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the token."""


@dataclass(frozen=True, slots=True)
class Member:
    """A subject's part in one program."""

    participant: UUID
    program: UUID
    region: str
    role: Role
    active: bool
    """Has not withdrawn."""


async def relations(
    conn: AsyncConnection,
    caller: Caller,
    *,
    program: UUID,
    participants: Collection[UUID] = (),
    regions: Collection[str] | None = None,
) -> set[Relation]:
    """Find what the caller is to these participants of a program, or to the program when there are none.

    A coordinator counts when assigned for one of `regions`; without `regions`, for a region of one of the
    participants; without participants either, for any region of the program.
    """
    theirs = members.c.participant == func.any(literal(list(participants), ARRAY(Uuid)))
    is_self = exists().where(theirs, members.c.subject == caller.subject)
    assigned = and_(
        coordinators.c.program == program,
        coordinators.c.subject == caller.subject,
        func.cardinality(coordinators.c.regions) > 0,  # none: the program was taken from them
    )
    if regions is not None:
        assigned = and_(assigned, coordinators.c.regions.op("&&")(literal(list(regions), ARRAY(Text))))
    elif participants:
        assigned = and_(
            assigned,
            exists().where(theirs, members.c.program == program, members.c.region == func.any(coordinators.c.regions)),
        )
    row = (await conn.execute(select(is_self, exists().where(assigned)))).one()
    found = {Relation.ANYONE} | relations_of(caller.roles)
    if row[0]:
        found.add(Relation.SELF)
    if row[1]:
        found.add(Relation.COORDINATOR)
    return found


async def participants_of(conn: AsyncConnection, subject: UUID) -> list[Member]:
    """List the programs a subject takes or took part in, as far as their enrollment is known here."""
    rows = await conn.execute(
        select(members.c.participant, members.c.program, members.c.region, members.c.role, members.c.active)
        .where(members.c.subject == subject, members.c.region.is_not(None))
        .order_by(members.c.participant)
    )
    return [Member(row.participant, row.program, row.region, Role(row.role), row.active) for row in rows]


async def coordinated_regions(conn: AsyncConnection, subject: UUID, program: UUID) -> frozenset[str]:
    """Regions of a program that a subject coordinates."""
    regions = await conn.scalar(
        select(coordinators.c.regions).where(coordinators.c.program == program, coordinators.c.subject == subject)
    )
    return frozenset(regions or ())
