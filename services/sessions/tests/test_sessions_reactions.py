"""News from other services, in whatever order the topics bring it."""

from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from events.contracts.enrollment import ParticipantWithdrawn
from events.contracts.kinds import Role
from events.contracts.matching import PairEnded
from events.runtime.schema import events
from events.testing.service import RunningService

DAY = timedelta(days=1)


def withdrawal(pair: Any, role: Role) -> ParticipantWithdrawn:
    return ParticipantWithdrawn(participant=pair.participants[role], program=pair.program)


def end(pair: Any) -> PairEnded:
    return PairEnded(pair=pair.id, program=pair.program)


async def history(service: RunningService, stream: UUID) -> list[tuple[str, Any]]:
    """(type, metadata) of every event of a stream."""
    async with service.service.read_pool.connect() as conn:
        rows = await conn.execute(
            select(events.c.type, events.c.metadata)
            .where(events.c.stream_id == stream)
            .order_by(events.c.stream_version)
        )
        return [tuple(row) for row in rows]


async def test_a_pair_begins_its_engagement(begin):
    pair = await begin()
    read = await pair.read()
    assert (read["state"], read["agreement"], read["sessions"]) == ("active", None, [])
    assert read["mentor"] == str(pair.participants[Role.MENTOR])


@pytest.mark.parametrize("role", Role)
async def test_a_withdrawal_cancels_everything_that_the_participant_had_planned(service, begin, role):
    first = await begin()
    mentor = (first.participants[Role.MENTOR], first.subjects[Role.MENTOR])
    second = await begin(first.program, mentor)
    for pair in (first, second):
        await pair.plan()
        await pair.plan(9 * DAY)
    await service.deliver(withdrawal(first, role))
    hit = [first, second] if role is Role.MENTOR else [first]
    for pair in (first, second):
        read = await pair.read()
        expected = ("ended", {"cancelled"}) if pair in hit else ("active", {"planned"})
        assert (read["state"], {session["state"] for session in read["sessions"]}) == expected


async def test_all_that_a_withdrawal_cancels_names_it_as_its_cause_and_keeps_its_correlation(service, begin):
    pair = await begin()
    await pair.plan()
    participant = pair.participants[Role.MENTEE]
    withdrawn = await service.deliver(withdrawal(pair, Role.MENTEE), correlation=participant)
    caused = [
        (type_, metadata["correlation"])
        for stream in (pair.id, participant)
        for type_, metadata in await history(service, stream)
        if metadata.get("causation") == str(withdrawn)
    ]
    assert caused == [
        ("SessionDropped", str(participant)),
        ("EngagementEnded", str(participant)),
        ("ParticipantLeft", str(participant)),
    ]


async def test_a_pair_that_is_known_only_after_the_withdrawal_is_over_from_the_start(service, enroll):
    pair = await enroll()
    await service.deliver(withdrawal(pair, Role.MENTEE))
    await service.deliver(pair.created)
    assert (await pair.read())["state"] == "ended"
    refused = await pair.change(
        Role.MENTOR, "sessions", {"starts_at": (service.service.clock.now() + DAY).isoformat(), "minutes": 50}
    )
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[-1]) == (409, "engagement-over")


async def test_the_end_of_a_pair_cancels_its_sessions(service, begin):
    pair = await begin()
    await pair.plan()
    await service.deliver(end(pair))
    read = await pair.read()
    assert (read["state"], [session["state"] for session in read["sessions"]]) == ("ended", ["cancelled"])


async def test_the_end_waits_for_its_beginning(service, enroll):
    pair = await enroll()
    await service.deliver(end(pair))
    assert (await pair.get(Role.MENTOR, pair.path)).status_code == 404
    await service.deliver(pair.created)
    assert (await pair.read())["state"] == "ended"


async def test_whatever_the_order_and_however_often_it_is_told_the_outcome_is_the_same(service, enroll):
    """Three topics' worth of news about one pair, every order, everything twice: under its id and under a new one."""
    for order in permutations(range(3)):
        pair = await enroll()
        news = [(event, uuid4()) for event in (pair.created, end(pair), withdrawal(pair, Role.MENTOR))]
        for again in (0, 1):
            for event, event_id in (news[i] for i in order):
                await service.deliver(event, event_id=event_id)
                if again:
                    await service.deliver(event)
        assert [type_ for type_, _ in await history(service, pair.id)] == ["EngagementBegun", "EngagementEnded"]
        assert sorted(type_ for type_, _ in await history(service, pair.participants[Role.MENTOR])) == [
            "EngagementJoined",
            "ParticipantLeft",
        ]
