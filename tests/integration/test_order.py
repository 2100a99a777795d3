"""Of one key a subscriber hears version after version, however many change the same stream at once."""

import asyncio

from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Pair, Program, permitted
from integration.topics import everything_told, first_versions, told_of

PLANNED_BY_EACH = 6


async def plan_some(program: Program, pair: Pair, side: str, first: int) -> None:
    for days in range(first, first + PLANNED_BY_EACH):
        await eventually(lambda days=days: permitted(lambda: program.plan(pair, side, days=days)))


async def test_versions_of_a_key_arrive_in_order_under_concurrent_changes_of_the_same_streams(
    platform: Platform, program: Program
):
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in (1, 2)])
    pairs = await program.pair_up()
    for pair in pairs:
        await program.agree(pair)
    sides = [(pair, side) for pair in pairs for side in (pair.mentor, pair.mentee) for _ in range(2)]
    await asyncio.gather(
        *(plan_some(program, *side, first=1 + number * PLANNED_BY_EACH) for number, side in enumerate(sides))
    )

    async def all_told() -> None:
        told = await everything_told(platform.servers.kafka, ("viceversa.sessions.restricted.v1",))
        planned = {event["id"] for event in filter(told_of("SessionScheduled", program=program.id), told)}
        assert len(planned) == len(sides) * PLANNED_BY_EACH

    await eventually(all_told)
    versions = first_versions(await everything_told(platform.servers.kafka))
    assert max(len(seen) for seen in versions.values()) >= 4 * PLANNED_BY_EACH
    for place, seen in versions.items():
        assert seen == sorted(seen), place
