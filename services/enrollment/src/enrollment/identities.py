"""Which person an external id is, and which participant a person is in a program.

Ids are random and handed out before the command that uses them, many with one statement. One that is handed out for a
command that is then refused does no harm: it leads to nothing, and the next try gets the same.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping
from uuid import UUID, uuid4

from sqlalchemy import Column, Index, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import any_of, unnest

metadata = MetaData()

identities = Table(
    "identities",
    metadata,
    Column("blind_index", LargeBinary, primary_key=True),
    Column("subject", Uuid, nullable=False, unique=True),
)

participations = Table(
    "participations",
    metadata,
    Column("program", Uuid, nullable=False),
    Column("subject", Uuid, nullable=False),
    Column("participant", Uuid, nullable=False, unique=True),
    PrimaryKeyConstraint("program", "subject", name="participations_pkey"),
    Index("participations_program", "program", "participant"),
    Index("participations_subject", "subject"),
)

BlindIndex = Callable[[str], bytes]
"""External id → what stands for it in the table: it leads back to nobody without the key."""

_NEW_IDENTITIES = unnest("new", blind_index=LargeBinary(), subject=Uuid())
# Sorted, two imports of the same people wait for one another and never deadlock.
_ALLOCATE_IDENTITIES = (
    insert(identities)
    .from_select(["blind_index", "subject"], select(_NEW_IDENTITIES).order_by(_NEW_IDENTITIES.c.blind_index))
    .on_conflict_do_nothing()
)
_IDENTITIES = select(identities.c.blind_index, identities.c.subject).where(
    identities.c.blind_index == any_of("blind_indexes", LargeBinary())
)

_NEW_PARTICIPATIONS = unnest("new", program=Uuid(), subject=Uuid(), participant=Uuid())
_ALLOCATE_PARTICIPATIONS = (
    insert(participations)
    .from_select(
        ["program", "subject", "participant"], select(_NEW_PARTICIPATIONS).order_by(_NEW_PARTICIPATIONS.c.subject)
    )
    .on_conflict_do_nothing()
)
_PARTICIPATIONS = select(participations.c.subject, participations.c.participant).where(
    participations.c.program == bindparam("program", type_=Uuid()),
    participations.c.subject == any_of("subjects", Uuid()),
)


def blind_index(key: bytes) -> BlindIndex:
    """HMAC-SHA256 under this key (RFC 2104)."""
    return lambda external_id: hmac.digest(key, external_id.encode(), hashlib.sha256)


async def subjects_of(
    conn: AsyncConnection, blind: BlindIndex, external_ids: Collection[str], *, allocate: bool
) -> Mapping[str, UUID]:
    """Subjects by external id. With `allocate`, whoever has none yet gets one; else they are left out.

    Allocate in a transaction of its own: it writes, and a command's append must be the first write of its transaction.
    """
    by_index = {blind(external_id): external_id for external_id in external_ids}
    if not by_index:
        return {}
    found = await conn.execute(_IDENTITIES, {"blind_indexes": list(by_index)})
    subjects = {by_index[index]: subject for index, subject in found}
    missing = [index for index, external_id in by_index.items() if external_id not in subjects]
    if missing and allocate:
        new = {"blind_index": missing, "subject": [uuid4() for _ in missing]}
        await conn.execute(_ALLOCATE_IDENTITIES, new)
        found = await conn.execute(_IDENTITIES, {"blind_indexes": missing})
        subjects |= {by_index[index]: subject for index, subject in found}
    return subjects


async def participants_of(
    conn: AsyncConnection, program: UUID, subjects: Collection[UUID], *, allocate: bool = True
) -> Mapping[UUID, UUID]:
    """Participants by subject. With `allocate`, whoever is none yet becomes one: in a transaction of its own, too."""
    found = await conn.execute(_PARTICIPATIONS, {"program": program, "subjects": list(subjects)})
    participants = {row.subject: row.participant for row in found}
    missing = [subject for subject in subjects if subject not in participants]
    if missing and allocate:
        new = {
            "program": [program] * len(missing),
            "subject": missing,
            "participant": [uuid4() for _ in missing],
        }
        await conn.execute(_ALLOCATE_PARTICIPATIONS, new)
        found = await conn.execute(_PARTICIPATIONS, {"program": program, "subjects": missing})
        participants |= {row.subject: row.participant for row in found}
    return participants
