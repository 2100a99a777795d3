"""The shared projection of members and coordinators, on a real PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations, permutations
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from events import membership
from events.contracts.authorization import Relation
from events.contracts.enrollment import (
    CoordinatorAssigned,
    ParticipantEnrolled,
    ParticipantLinked,
    ParticipantWithdrawn,
)
from events.contracts.kinds import Role
from events.contracts.registry import PublishedEvent
from events.membership.tables import coordinators, members, metadata
from events.runtime.consuming import Received
from events.runtime.database import create_pool

pytestmark = pytest.mark.asyncio


@dataclass(frozen=True)
class Asking:
    subject: UUID = field(default_factory=uuid4)
    roles: frozenset[str] = frozenset()


@pytest_asyncio.fixture
async def conn(database_url: str) -> AsyncIterator[AsyncConnection]:
    pool = create_pool(database_url, name="membership tests", size=1)
    async with pool.connect() as connection:
        await connection.run_sync(metadata.create_all)
        yield connection
    await pool.dispose()


async def project(conn: AsyncConnection, *events: PublishedEvent) -> None:
    await membership.MEMBERSHIP.apply(
        conn, [Received(uuid4(), uuid4(), event, datetime.now(UTC), None, 1, None) for event in events]
    )


def enrolled(participant: UUID, program: UUID, region: str = "emea", role: Role = Role.MENTOR) -> ParticipantEnrolled:
    return ParticipantEnrolled(participant=participant, program=program, region=region, role=role)


def batches(events: Sequence[PublishedEvent]) -> list[list[Sequence[PublishedEvent]]]:
    """Every way to cut a sequence."""
    places = range(1, len(events))
    return [
        [events[start:end] for start, end in zip((0, *cut), (*cut, len(events)), strict=True)]
        for count in range(len(events))
        for cut in combinations(places, count)
    ]


async def test_the_order_of_topics_and_the_cut_of_batches_make_no_difference(conn: AsyncConnection) -> None:
    subject = uuid4()
    for order in permutations(range(3)):
        for cut in range(4):
            participant, program = uuid4(), uuid4()
            events = [
                enrolled(participant, program, "apac", Role.MENTEE),
                ParticipantLinked(participant=participant, program=program, subject=subject),
                ParticipantWithdrawn(participant=participant, program=program),
            ]
            for batch in batches([events[i] for i in order])[cut]:
                await project(conn, *batch)
            row = (await conn.execute(select(members).where(members.c.participant == participant))).one()
            assert tuple(row) == (participant, program, subject, "apac", "mentee", False)


async def test_a_later_enrollment_corrects_the_region_and_keeps_the_subject(conn: AsyncConnection) -> None:
    participant, program, subject = uuid4(), uuid4(), uuid4()
    await project(
        conn,
        ParticipantLinked(participant=participant, program=program, subject=subject),
        enrolled(participant, program, "emea"),
    )
    await project(conn, enrolled(participant, program, "apac"))
    assert await membership.participants_of(conn, subject) == [
        membership.Member(participant, program, "apac", Role.MENTOR, active=True)
    ]


async def test_a_participant_is_listed_once_the_enrollment_is_known(conn: AsyncConnection) -> None:
    participant, program, subject = uuid4(), uuid4(), uuid4()
    await project(conn, ParticipantLinked(participant=participant, program=program, subject=subject))
    assert await membership.participants_of(conn, subject) == []
    await project(conn, enrolled(participant, program))
    assert [member.participant for member in await membership.participants_of(conn, subject)] == [participant]


async def test_only_the_linked_subject_is_self(conn: AsyncConnection) -> None:
    participant, program, caller = uuid4(), uuid4(), Asking()
    await project(
        conn,
        enrolled(participant, program),
        ParticipantLinked(participant=participant, program=program, subject=caller.subject),
    )
    pair = (participant, uuid4())
    assert await membership.relations(conn, caller, program=program, participants=pair) == {
        Relation.ANYONE,
        Relation.SELF,
    }
    assert await membership.relations(conn, Asking(), program=program, participants=pair) == {Relation.ANYONE}
    assert await membership.relations(conn, caller, program=program) == {Relation.ANYONE}


@pytest.mark.parametrize(
    ("assigned", "asked_for", "related"),
    [
        (("emea",), None, True),
        (("apac", "emea"), None, True),
        (("apac",), None, False),
        (("apac",), ("apac",), True),
        (("apac",), ("emea", "amer"), False),
    ],
)
async def test_a_coordinator_is_one_in_the_assigned_regions_only(
    conn: AsyncConnection, assigned: tuple[str, ...], asked_for: tuple[str, ...] | None, *, related: bool
) -> None:
    participant, program, caller = uuid4(), uuid4(), Asking()
    await project(
        conn,
        enrolled(participant, program, "emea"),
        CoordinatorAssigned(program=program, subject=caller.subject, regions=assigned),
    )
    found = await membership.relations(conn, caller, program=program, participants=(participant,), regions=asked_for)
    assert (Relation.COORDINATOR in found) is related


async def test_a_coordinator_of_one_program_is_none_in_another(conn: AsyncConnection) -> None:
    here, there, caller = uuid4(), uuid4(), Asking()
    participant = uuid4()
    await project(
        conn,
        enrolled(participant, there),
        CoordinatorAssigned(program=here, subject=caller.subject, regions=("emea",)),
    )
    assert Relation.COORDINATOR in await membership.relations(conn, caller, program=here)
    assert Relation.COORDINATOR not in await membership.relations(conn, caller, program=there)
    # A program and a participant of another one do not add up to a relation.
    assert Relation.COORDINATOR not in await membership.relations(
        conn, caller, program=here, participants=(participant,)
    )


async def test_a_new_assignment_replaces_the_regions(conn: AsyncConnection) -> None:
    program, subject = uuid4(), uuid4()
    await project(
        conn,
        CoordinatorAssigned(program=program, subject=subject, regions=("emea",)),
        CoordinatorAssigned(program=program, subject=subject, regions=("apac", "amer")),
    )
    assert await membership.coordinated_regions(conn, subject, program) == {"apac", "amer"}
    assert len((await conn.execute(select(coordinators))).all()) == 1


async def test_a_program_that_was_taken_from_a_coordinator_is_no_longer_theirs(conn: AsyncConnection) -> None:
    program, caller = uuid4(), Asking()
    await project(conn, CoordinatorAssigned(program=program, subject=caller.subject, regions=("emea",)))
    assert Relation.COORDINATOR in await membership.relations(conn, caller, program=program)
    await project(conn, CoordinatorAssigned(program=program, subject=caller.subject, regions=()))
    assert Relation.COORDINATOR not in await membership.relations(conn, caller, program=program)


async def test_roles_of_the_token_are_relations_and_unknown_ones_are_ignored(conn: AsyncConnection) -> None:
    caller = Asking(roles=frozenset({"administrator", "auditor", "sponsor"}))
    assert await membership.relations(conn, caller, program=uuid4()) == {
        Relation.ANYONE,
        Relation.ADMINISTRATOR,
        Relation.AUDITOR,
    }
