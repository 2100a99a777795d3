"""What waits for a person, and what those who run a program may count."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from events.contracts.enrollment import ProgramClosed
from events.contracts.kinds import Role
from events.contracts.matching import PairEnded

DAY = timedelta(days=1)


async def pass_time(service, days):
    await service.service.clock.turn(service.service.clock.now() + days * DAY)


async def waiting(service, pair, role):
    await service.settle()
    items = (await pair.get(role, "/v1/todo")).json()["items"]
    assert all(item["href"] == pair.path for item in items)
    return [(item["kind"], item["due_at"] and datetime.fromisoformat(item["due_at"])) for item in items]


async def kinds(service, pair):
    return [[kind for kind, _ in await waiting(service, pair, role)] for role in (Role.MENTOR, Role.MENTEE)]


async def test_a_pair_is_led_from_the_agreement_to_its_last_session(service, begin, open_program):
    pair = await begin(await open_program())
    assert await kinds(service, pair) == [["propose_agreement"], ["propose_agreement"]]
    await pair.change(
        Role.MENTEE,
        "agreement",
        {"goals": ["Learn"], "cadence_days": 14, "confidentiality": True, "when_it_does_not_work": "Say so"},
    )
    assert await kinds(service, pair) == [["sign_agreement"], []]
    await pair.change(Role.MENTOR, "agreement/sign")
    for _ in range(2):  # the program asks for two sessions a pair
        assert await kinds(service, pair) == [["plan_session"], ["plan_session"]]
        session = await pair.plan()
        assert await kinds(service, pair) == [[], []]
        await pass_time(service, 8)
        assert await kinds(service, pair) == [["log_session"], ["log_session"]]
        await pair.log(session)
    assert await kinds(service, pair) == [[], []]


async def test_the_next_session_is_due_a_cadence_after_the_last_one(service, begin, open_program):
    pair = await begin(await open_program())
    begun = service.service.clock.now()
    [(_, agree_by)] = await waiting(service, pair, Role.MENTOR)
    assert abs(agree_by - begun - 30 * DAY) < timedelta(minutes=1)
    await pair.agree()
    session = await pair.plan()
    await pass_time(service, 8)
    await pair.log(session)
    held_at = service.service.clock.now() - timedelta(minutes=50)
    [(kind, due_at)] = await waiting(service, pair, Role.MENTEE)
    assert kind == "plan_session"
    assert abs(due_at - held_at - 30 * DAY) < timedelta(minutes=1)


async def test_nothing_waits_for_a_pair_that_meets_no_more(service, begin):
    pair = await begin()
    await service.deliver(PairEnded(pair=pair.id, program=pair.program))
    assert await kinds(service, pair) == [[], []]


async def test_a_program_that_is_over_asks_its_pairs_for_nothing_new(service, begin, open_program):
    program = await open_program()
    agreed, new, met = [await begin(program) for _ in range(3)]
    await agreed.agree()
    await met.agree()
    await met.plan()
    await pass_time(service, 8)
    assert await kinds(service, agreed) == [["plan_session"], ["plan_session"]]
    assert await kinds(service, new) == [["propose_agreement"], ["propose_agreement"]]
    await service.deliver(ProgramClosed(program=program))
    assert await kinds(service, agreed) == await kinds(service, new) == [[], []]
    assert await kinds(service, met) == [["log_session"], ["log_session"]]


async def test_a_stranger_has_nothing_to_do(service, begin):
    await begin()
    answer = await service.client.get("/v1/todo", headers=service.token())
    assert answer.json() == {"items": []}


async def health(service, program, token):
    await service.settle()
    return await service.client.get(f"/v1/programs/{program}/engagements/health", headers=token)


async def test_a_count_is_shown_once_enough_people_stand_behind_it(service, begin, open_program):
    coordinator = uuid4()
    program = await open_program(coordinator)
    pairs = [await begin(program) for _ in range(3)]
    await pairs[0].agree()
    await pairs[1].agree()
    for pair in pairs:
        session = await pair.plan()
        await pair.change(Role.MENTEE, f"sessions/{session}/cancel", {})
    answer = await health(service, program, service.token(coordinator))
    assert answer.json() == {
        "program": str(program),
        "shown_from": 5,
        "engagements": 3,  # six people
        "agreed": None,  # four
        "sessions_logged": 0,  # nobody
        "sessions_cancelled": 3,
    }


async def test_one_person_in_many_sessions_stays_one_person(service, begin, open_program):
    program = await open_program()
    first = await begin(program)
    mentor = (first.participants[Role.MENTOR], first.subjects[Role.MENTOR])
    for pair in (first, await begin(program, mentor), await begin(program, mentor)):
        session = await pair.plan()
        await pair.change(Role.MENTOR, f"sessions/{session}/cancel", {})
    answer = await health(service, program, service.token(roles=["administrator"]))
    # One mentor and three mentees: three cancellations by four people.
    assert (answer.json()["engagements"], answer.json()["sessions_cancelled"]) == (None, None)


async def test_a_coordinator_counts_the_pairs_that_touch_their_regions(service, begin, open_program):
    inside, outside = uuid4(), uuid4()
    program = await open_program(inside, ("apac",))
    for _ in range(3):
        await begin(program)
    assert (await health(service, program, service.token(inside))).json()["engagements"] == 3
    assert (await health(service, program, service.token(outside))).status_code == 404
    other = await open_program(outside, ("amer",))
    assert (await health(service, other, service.token(outside))).json()["engagements"] == 0
    assert (await health(service, program, service.token(outside))).status_code == 404


@pytest.mark.parametrize("roles", [(), ("operator",), ("auditor",)])
async def test_health_does_not_exist_for(roles, service, begin, open_program):
    program = await open_program()
    pair = await begin(program)
    for token in (service.token(roles=roles), service.token(pair.subjects[Role.MENTOR], roles=roles)):
        assert (await health(service, program, token)).status_code == 404


async def test_there_is_no_health_of_a_program_that_never_opened(service):
    assert (await health(service, uuid4(), service.token(roles=["administrator"]))).status_code == 404
