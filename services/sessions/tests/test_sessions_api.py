"""The HTTP API as the two people of a pair meet it, and as everybody else does not."""

from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from sqlalchemy import delete, text

from events.contracts.enrollment import CoordinatorAssigned, ParticipantWithdrawn
from events.contracts.kinds import Role
from events.runtime.schema import subject_keys

DAY = timedelta(days=1)
AGREEMENT = {
    "goals": ["Understand short video"],
    "cadence_days": 30,
    "confidentiality": True,
    "when_it_does_not_work": "Say so in the next session",
}
SECRET = "tilted-lighthouse-41"


async def pass_time(service, days):
    await service.service.clock.turn(service.service.clock.now() + days * DAY)


def problem(answer):
    return answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]


def plan_in(service, after, minutes=50):
    return {"starts_at": (service.service.clock.now() + after).isoformat(), "minutes": minutes}


async def test_a_pair_agrees_plans_meets_and_both_read_the_same(service, begin):
    pair = await begin()
    await pair.agree()
    session = await pair.plan()
    await pass_time(service, 8)
    assert (await pair.log(session, Role.MENTEE)).status_code == 200
    for role in Role:
        answer = await pair.get(role, pair.path)
        read = answer.json()
        assert read["role"] == role
        assert read["agreement"]["state"] == "signed"
        assert read["agreement"]["goals"] == ["Understand short video", "Say what juniors think"]
        [held] = read["sessions"]
        assert (held["session"], held["state"], held["number"], held["minutes"]) == (session, "held", 1, 50)
        assert held["taught"] == {"mentor": ["short video"], "mentee": ["budgeting"]}


async def test_every_change_raises_the_version_and_answers_it(service, begin):
    pair = await begin()
    answers = [
        await pair.get(Role.MENTOR, pair.path),
        await pair.change(Role.MENTOR, "agreement", AGREEMENT),
        await pair.change(Role.MENTEE, "agreement/sign"),
        await pair.change(Role.MENTOR, "sessions", plan_in(service, DAY)),
    ]
    versions = [int(answer.headers["etag"].strip('"')) for answer in answers]
    assert all(before < after for before, after in pairwise(versions))
    assert (await pair.get(Role.MENTEE, pair.path)).headers["etag"] == answers[-1].headers["etag"]


async def test_the_other_side_cannot_sign_a_text_that_changed_meanwhile(begin):
    pair = await begin()
    read = await pair.change(Role.MENTOR, "agreement", AGREEMENT)
    await pair.change(Role.MENTOR, "agreement", {**AGREEMENT, "cadence_days": 7})
    signed = await pair.change(Role.MENTEE, "agreement/sign", etag=read.headers["etag"])
    assert problem(signed) == (412, "version-conflict")


async def test_a_change_says_what_it_was_based_on(service, begin):
    pair = await begin()
    headers = service.token(pair.subjects[Role.MENTOR])
    answer = await service.client.post(f"{pair.path}/agreement", json=AGREEMENT, headers=headers)
    assert problem(answer) == (428, "precondition-required")


async def test_one_idempotency_key_plans_one_session(service, begin):
    pair = await begin()
    etag = (await pair.get(Role.MENTOR, pair.path)).headers["etag"]
    body, key = plan_in(service, DAY), {"idempotency-key": str(uuid4())}
    answers = [await pair.change(Role.MENTOR, "sessions", body, etag=etag, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await pair.read())["sessions"]) == 1


@pytest.mark.parametrize("who", ["a stranger", "a coordinator", "an administrator", "a mentor of another pair"])
async def test_an_engagement_does_not_exist_for(who, service, begin):
    pair, other = await begin(), await begin()
    await pair.agree()
    session = await pair.plan()
    coordinator = uuid4()
    await service.deliver(CoordinatorAssigned(program=pair.program, subject=coordinator, regions=("emea", "apac")))
    token = {
        "a stranger": service.token(),
        "a coordinator": service.token(coordinator),
        "an administrator": service.token(roles=["administrator", "operator", "auditor"]),
        "a mentor of another pair": service.token(other.subjects[Role.MENTOR]),
    }[who]
    headers = {**token, "if-match": (await pair.get(Role.MENTOR, pair.path)).headers["etag"]}
    log = {"held_at": service.service.clock.now().isoformat(), "minutes": 50, "taught": {}}
    answers = [
        await service.client.get(pair.path, headers=headers),
        *[
            await service.client.post(f"{pair.path}/{what}", json=body, headers=headers)
            for what, body in (
                ("agreement", AGREEMENT),
                ("agreement/sign", None),
                ("sessions", plan_in(service, 2 * DAY)),
                (f"sessions/{session}/cancel", {}),
                (f"sessions/{session}/log", log),
            )
        ],
        await service.client.get(f"/v1/engagements/{uuid4()}", headers=headers),
    ]
    assert {problem(answer) for answer in answers} == {(404, "not-found")}
    assert len({answer.json()["title"] for answer in answers}) == 1


async def test_who_withdrew_may_still_read(service, begin):
    pair = await begin()
    await service.deliver(ParticipantWithdrawn(participant=pair.participants[Role.MENTOR], program=pair.program))
    assert (await pair.get(Role.MENTOR, pair.path)).status_code == 200


async def test_who_cancelled_and_why_is_told_to_nobody_and_no_text_is_stored_in_the_clear(service, begin):
    pair = await begin()
    await pair.change(Role.MENTEE, "agreement", {**AGREEMENT, "goals": [SECRET], "when_it_does_not_work": SECRET})
    await pair.change(Role.MENTOR, "agreement/sign")
    session, held = await pair.plan(), await pair.plan(9 * DAY)
    cancelled = await pair.change(Role.MENTEE, f"sessions/{session}/cancel", {"reason": SECRET})
    assert cancelled.status_code == 200
    await pass_time(service, 10)
    body = {
        "held_at": (service.service.clock.now() - timedelta(minutes=50)).isoformat(),
        "minutes": 50,
        "taught": {"mentor": [SECRET]},
    }
    assert (await pair.change(Role.MENTEE, f"sessions/{held}/log", body)).status_code == 200
    await service.settle()

    sessions = {each["session"]: each for each in (await pair.read())["sessions"]}
    assert sessions[session].keys() == {"session", "starts_at", "minutes", "state", "number", "taught"}
    assert sessions[session]["state"] == "cancelled"
    own = (await pair.get(Role.MENTOR, "/v1/me/engagements")).text
    assert str(pair.subjects[Role.MENTEE]) not in own
    assert SECRET not in own
    async with service.service.read_pool.connect() as conn:
        stored = await conn.execute(text("select data::text from events union all select s::text from sessions s"))
        everything = "\n".join(row[0] for row in stored)
    assert session in everything
    assert SECRET not in everything


async def test_what_somebody_wrote_falls_with_their_key_and_the_rest_stays(service, begin):
    pair = await begin()
    await pair.change(Role.MENTEE, "agreement", AGREEMENT)
    await pair.change(Role.MENTOR, "agreement/sign")
    session = await pair.plan()
    await pass_time(service, 8)
    await pair.log(session, Role.MENTOR)
    async with service.service.write_pool.begin() as conn:
        await conn.execute(delete(subject_keys).where(subject_keys.c.subject == pair.subjects[Role.MENTEE]))
    read = await pair.read()
    assert (read["agreement"]["goals"], read["agreement"]["when_it_does_not_work"]) == (None, None)
    assert (read["agreement"]["state"], read["agreement"]["cadence_days"]) == ("signed", 30)
    assert read["sessions"][0]["taught"]["mentor"] == ["short video"]


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("agreement", {**AGREEMENT, "confidentiality": False}),
        ("agreement", {**AGREEMENT, "goals": []}),
        ("agreement", {**AGREEMENT, "goals": ["x"] * 6}),
        ("agreement", {**AGREEMENT, "goals": ["x" * 301]}),
        ("agreement", {**AGREEMENT, "cadence_days": 0}),
        ("agreement", {**AGREEMENT, "salary": 1}),
        ("agreement", {**AGREEMENT, "when_it_does_not_work": "a\u0000b"}),
        ("sessions", {"starts_at": "2030-01-01T10:00:00", "minutes": 50}),
        ("sessions", {"starts_at": "2030-01-01T10:00:00Z", "minutes": "soon"}),
        ("sessions", {"starts_at": "0001-01-01T00:00:00+14:00", "minutes": 50}),
        ("sessions", {"starts_at": "9999-12-31T23:59:59-14:00", "minutes": 50}),
        ("sessions/00000000-0000-4000-8000-000000000007/log", {"held_at": "2020-01-01T00:00:00Z", "minutes": 50}),
        (
            "sessions/00000000-0000-4000-8000-000000000007/log",
            {"held_at": "2020-01-01T00:00:00Z", "minutes": 601, "taught": {}},
        ),
        (
            "sessions/00000000-0000-4000-8000-000000000007/log",
            {"held_at": "2020-01-01T00:00:00Z", "minutes": 5, "taught": {"coach": ["x"]}},
        ),
        ("sessions/00000000-0000-4000-8000-000000000007/cancel", {"reason": "x" * 2001}),
    ],
)
async def test_a_request_that_makes_no_sense_changes_nothing(begin, what, body):
    pair = await begin()
    answer = await pair.change(Role.MENTOR, what, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await pair.get(Role.MENTOR, pair.path)).headers["etag"] == '"1"'


async def test_a_refusal_says_what_to_do(service, begin):
    pair = await begin()
    session = await pair.plan()
    await pass_time(service, 8)
    answer = await pair.log(session)
    assert problem(answer) == (409, "not-agreed")
    assert answer.json()["title"] == "Both of you have to sign the agreement before you log a session"


async def test_two_people_who_plan_at_once_do_not_plan_twice(service, begin):
    pair = await begin()
    etag = (await pair.get(Role.MENTOR, pair.path)).headers["etag"]
    body = plan_in(service, DAY)
    answers = [await pair.change(role, "sessions", body, etag=etag) for role in Role]
    assert [answer.status_code for answer in answers] == [201, 412]


async def test_a_person_lists_their_engagements_page_by_page(service, begin):
    first = await begin()
    mentor = (first.participants[Role.MENTOR], first.subjects[Role.MENTOR])
    pairs = [first, await begin(first.program, mentor), await begin(first.program, mentor)]
    await first.agree()
    session = await first.plan()
    await service.settle()

    seen, cursor = [], ""
    for _ in range(3):
        page = (await first.get(Role.MENTOR, f"/v1/me/engagements?limit=1{cursor}")).json()
        seen += page["items"]
        cursor = f"&cursor={page['next']}"
    assert [item["pair"] for item in seen] == sorted(str(pair.id) for pair in pairs)
    assert (await first.get(Role.MENTOR, f"/v1/me/engagements?limit=1{cursor}")).json() == {"items": [], "next": None}
    [mine] = [item for item in seen if item["pair"] == str(first.id)]
    assert (mine["role"], mine["state"], mine["agreement"], mine["proposed_by"]) == (
        "mentor",
        "active",
        "signed",
        "mentor",
    )
    assert mine["participant"] == str(first.participants[Role.MENTOR])
    assert f'"{mine["version"]}"' == (await first.get(Role.MENTOR, first.path)).headers["etag"]
    assert [(each["session"], each["state"], each["number"]) for each in mine["sessions"]] == [
        (session, "planned", None)
    ]
    [theirs] = (await first.get(Role.MENTEE, "/v1/me/engagements")).json()["items"]
    assert (theirs["pair"], theirs["role"]) == (str(first.id), "mentee")


@pytest.mark.parametrize("cursor", ["%", "bm90IGpzb24", "WzFd", "WyJ4Il0"])
async def test_a_made_up_cursor_is_refused(begin, cursor):
    pair = await begin()
    answer = await pair.get(Role.MENTOR, f"/v1/me/engagements?cursor={cursor}")
    assert problem(answer) == (400, "bad-cursor")


async def test_a_cursor_longer_than_any_is_refused_as_a_parameter(begin):
    pair = await begin()
    answer = await pair.get(Role.MENTOR, f"/v1/me/engagements?cursor={'x' * 201}")
    assert answer.status_code == 422
