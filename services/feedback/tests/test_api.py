"""The HTTP edge on a real PostgreSQL: a person sees and answers their own sheets, and nobody else knows of them."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from events.contracts.enrollment import CoordinatorAssigned, ParticipantEnrolled, ParticipantLinked, WorkProfileSet
from events.contracts.kinds import Role
from events.runtime import schema, store
from events.runtime.http import encode_cursor
from events.runtime.service import Service
from events.testing.service import running, settings_for
from feedback.domain.instruments import PULSE
from feedback.main import definition
from feedback.settings import Settings

MENTOR, MENTEE, COORDINATOR = (UUID(int=number) for number in (1, 2, 3))


@pytest.fixture
async def service(database_url, tmp_path):
    settings = Settings(**settings_for(database_url, tmp_path))
    async with running(definition(settings), settings) as service:
        yield service


@pytest.fixture
async def loop(service, sample):
    """A pair whose people are known, with a baseline each; it is ten past by the clock."""
    clock = service.service.clock
    await clock.turn(clock.now().replace(minute=10, second=0, microsecond=0) + timedelta(hours=1))
    await service.deliver(sample.program_opened)
    for participant, subject, region, role in (
        (sample.mentor, MENTOR, "emea", Role.MENTOR),
        (sample.mentee, MENTEE, "apac", Role.MENTEE),
    ):
        await service.deliver(
            ParticipantEnrolled(participant=participant, program=sample.program, region=region, role=role)
        )
        await service.deliver(ParticipantLinked(participant=participant, program=sample.program, subject=subject))
    assigned = CoordinatorAssigned(program=sample.program, subject=COORDINATOR, regions=("emea", "apac"))
    await service.deliver(assigned)
    await service.deliver(sample.pair_created)
    await service.settle()
    return service


async def get(service, path, subject, roles=()):
    return await service.client.get(path, headers=service.token(subject, roles=roles))


async def post(service, path, subject, body, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return await service.client.post(path, json=body, headers=service.token(subject) | headers)


async def answer(service, sheet, subject, **changes):
    asked = await get(service, f"/v1/sheets/{sheet}", subject)
    ratings = {item["item"]: 4 for item in asked.json()["items"]} | changes
    body = {"ratings": ratings, "comment": "A remark that nobody reads"}
    return await post(service, f"/v1/sheets/{sheet}/answers", subject, body, if_match=asked.headers["etag"])


async def sheet_of(service, participant, number=None):
    rows = [row for row in await rows_of(service) if row.type == "SheetOpened"]
    opened = await service.service.codec.read(rows)
    [sheet] = [each.sheet for each in opened if (each.participant, each.number) == (participant, number)]
    return sheet


async def rows_of(service):
    async with service.service.read_pool.connect() as conn:
        return [entry.stored for entry in await store.read_log(conn, store.BEGINNING, 1_000)]


async def test_one_finds_ones_sheets_with_questions_and_promise(loop, sample):
    listed = (await get(loop, "/v1/me/sheets", MENTOR)).json()
    [sheet] = listed["items"]
    assert listed["next"] is None
    assert (sheet["instrument"], sheet["participant"], sheet["state"]) == ("baseline", str(sample.mentor), "open")
    assert len(sheet["items"]) == 7
    assert "at least 6 people" in sheet["promise"]
    read = await get(loop, f"/v1/sheets/{sheet['sheet']}", MENTOR)
    assert read.headers["etag"] == f'"{sheet["version"]}"'
    assert read.json() | {"version": 1} == sheet


async def test_nobody_else_sees_a_sheet_whatever_they_may_do_otherwise(loop, sample):
    sheet = await sheet_of(loop, sample.mentor)
    everybody_else = [(MENTEE, ()), (COORDINATOR, ()), (uuid4(), ("administrator", "operator", "auditor"))]
    for subject, roles in everybody_else:
        missing = await get(loop, f"/v1/sheets/{uuid4()}", subject, roles)
        hidden = await get(loop, f"/v1/sheets/{sheet}", subject, roles)
        assert (hidden.status_code, hidden.json()["type"]) == (404, missing.json()["type"])
        token = loop.token(subject, roles=roles) | {"if-match": '"1"'}
        refused = await loop.client.post(f"/v1/sheets/{sheet}/answers", json={"ratings": {}}, headers=token)
        assert refused.status_code == 404


async def test_an_answer_is_taken_once_and_never_shown_again(loop, sample):
    sheet = await sheet_of(loop, sample.mentor)
    first = await answer(loop, sheet, MENTOR)
    assert (first.status_code, first.json()["state"], first.headers["etag"]) == (200, "answered", '"2"')
    second = await answer(loop, sheet, MENTOR)
    assert (second.status_code, second.json()["type"]) == (409, "urn:problem-type:already-answered")
    await loop.settle()
    for path in (f"/v1/sheets/{sheet}", "/v1/me/sheets"):
        assert "A remark" not in (await get(loop, path, MENTOR)).text


async def test_an_answer_repeated_with_its_key_is_one_answer(loop, sample):
    sheet = await sheet_of(loop, sample.mentor)
    body = {"ratings": {item["item"]: 2 for item in (await get(loop, f"/v1/sheets/{sheet}", MENTOR)).json()["items"]}}
    tries = [
        await post(loop, f"/v1/sheets/{sheet}/answers", MENTOR, body, if_match='"1"', idempotency_key="one")
        for _ in range(2)
    ]
    assert [each.status_code for each in tries] == [200, 200]
    assert tries[0].json() == tries[1].json()


async def test_a_repeatable_request_leaves_nothing_to_guess_the_answers_from(loop, sample):
    sheet = await sheet_of(loop, sample.mentor)
    body = {"ratings": {item["item"]: 2 for item in (await get(loop, f"/v1/sheets/{sheet}", MENTOR)).json()["items"]}}
    key = str(uuid4())
    await post(loop, f"/v1/sheets/{sheet}/answers", MENTOR, body, if_match='"1"', idempotency_key=key)
    async with loop.service.read_pool.connect() as conn:
        [kept] = (await conn.execute(select(schema.idempotent_requests))).all()
    sent = httpx.Request("POST", "http://service.test", json=body).content
    assert kept.digest != hashlib.sha256(sent).digest()
    assert key not in repr(kept)


async def test_answers_lie_in_the_store_sealed(loop, sample):
    await answer(loop, await sheet_of(loop, sample.mentor), MENTOR)
    [answered] = [row for row in await rows_of(loop) if row.type == "SheetAnswered"]
    assert "A remark" not in answered.data
    assert '"craft"' not in answered.data
    assert "emea" in answered.data


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ratings": {"craft": 6}}, 422),
        ({"ratings": {"craft": "4"}}, 422),
        ({"ratings": {"craft": 4}}, 422),
        ({"ratings": {}, "comment": "x" * 2_001}, 422),
        ({"ratings": {}, "name": "me"}, 422),
        ({}, 422),
    ],
)
async def test_what_does_not_fit_the_sheet_is_a_problem_that_says_where(loop, sample, body, status):
    sheet = await sheet_of(loop, sample.mentor)
    refused = await post(loop, f"/v1/sheets/{sheet}/answers", MENTOR, body, if_match='"1"')
    assert refused.status_code == status
    problem = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert problem.get("errors") or problem["missing"]


async def test_an_answer_says_which_version_it_answers(loop, sample):
    sheet = await sheet_of(loop, sample.mentor)
    assert (await post(loop, f"/v1/sheets/{sheet}/answers", MENTOR, {"ratings": {}})).status_code == 428
    stale = await post(loop, f"/v1/sheets/{sheet}/answers", MENTOR, {"ratings": {}}, if_match='"7"')
    assert stale.status_code == 412


async def test_the_unit_of_the_moment_is_frozen_and_sealed_with_the_answer(loop, sample):
    await loop.deliver(
        WorkProfileSet(
            participant=sample.mentor,
            program=sample.program,
            unit="Underwriting",
            time_zone="Europe/Berlin",
            working_hours="09:00-17:00",
            languages=("de",),
        )
    )
    await answer(loop, await sheet_of(loop, sample.mentor), MENTOR)
    rows = [row for row in await rows_of(loop) if row.type == "SheetAnswered"]
    [answered] = await loop.service.codec.read(rows)
    assert answered.unit == "Underwriting"
    assert "Underwriting" not in rows[0].data


async def test_the_to_do_list_holds_what_is_open_the_first_due_first(loop, sample):
    await loop.deliver(sample.session_logged(1))
    await loop.settle()
    todo = (await get(loop, "/v1/todo", MENTEE)).json()["items"]
    assert [item["title"] for item in todo] == [
        "After session 1",
        "Before you start: feedback between juniors and seniors",
    ]
    assert [item["kind"] for item in todo] == ["sheet", "sheet"]
    assert (await get(loop, todo[0]["href"], MENTEE)).json()["due_at"] == todo[0]["due_at"]
    await answer(loop, await sheet_of(loop, sample.mentee, 1), MENTEE)
    await loop.settle()
    assert len((await get(loop, "/v1/todo", MENTEE)).json()["items"]) == 1
    assert (await get(loop, "/v1/todo", uuid4())).json()["items"] == []


async def test_pages_of_sheets_lose_none_and_repeat_none(loop, sample):
    for number in (1, 2, 3, 4):
        await loop.deliver(sample.session_logged(number))
    await loop.settle()
    found, cursor = [], ""
    while cursor is not None:
        page = (await get(loop, f"/v1/me/sheets?limit=2{cursor and '&cursor=' + cursor}", MENTOR)).json()
        found += [(item["instrument"], item["number"]) for item in page["items"]]
        cursor = page["next"]
    assert sorted(found, key=str) == [("baseline", None)] + [(PULSE, number) for number in (1, 2, 3, 4)]
    assert (await get(loop, "/v1/me/sheets?cursor=bm90aGluZw", MENTOR)).json()["status"] == 400
    assert (await get(loop, "/v1/me/sheets?cursor=WyJ4IiwgInkiXQ", MENTOR)).json()["status"] == 400
    without_zone = encode_cursor("2027-03-01T12:00:00", str(uuid4()))
    refused = await get(loop, f"/v1/me/sheets?cursor={without_zone}", MENTOR)
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:problem-type:bad-cursor")
    assert (await get(loop, f"/v1/me/sheets?cursor={'x' * 201}", MENTOR)).status_code == 422


async def test_either_of_a_pair_asks_for_another_match_and_nobody_else_can(loop, sample):
    path = f"/v1/pairs/{sample.pair}/rematch-requests"
    accepted = await post(loop, path, MENTOR, {"reason": "We never found a time"})
    assert (accepted.status_code, accepted.json()["pair"]) == (202, str(sample.pair))
    again = await post(loop, path, MENTOR, {})
    assert (again.status_code, again.json()["type"]) == (409, "urn:problem-type:request-open")
    assert (await post(loop, path, COORDINATOR, {})).status_code == 404
    assert (await post(loop, f"/v1/pairs/{uuid4()}/rematch-requests", MENTOR, {})).status_code == 404
    [asked] = [row for row in await rows_of(loop) if row.type == "RematchAsked"]
    assert "We never" not in asked.data


async def test_the_form_for_another_match_says_who_will_learn_of_it_before_it_is_sent(loop, sample):
    path = f"/v1/pairs/{sample.pair}/rematch-requests"
    form = await get(loop, path, MENTOR)
    assert form.status_code == 200
    assert "never stated. With two people in a pair the other can guess" in form.json()["promise"]
    assert (await get(loop, path, COORDINATOR)).status_code == 404
    assert (await get(loop, path, uuid4(), ("administrator",))).status_code == 404
    assert [row for row in await rows_of(loop) if row.type == "RematchAsked"] == []
    assert (await post(loop, path, MENTOR, {})).json()["promise"] == form.json()["promise"]
    assert (await get(loop, path, MENTEE)).json() == form.json()  # who has asked is not seen by the other


async def test_a_coordinator_sees_what_is_asked_and_never_how_many_answered(loop, sample):
    path = f"/v1/programs/{sample.program}/instruments"
    before = await get(loop, path, COORDINATOR)
    assert [(item["instrument"], item["open"]) for item in before.json()["items"]] == [
        ("baseline", True),
        ("pulse", True),
    ]
    await answer(loop, await sheet_of(loop, sample.mentor), MENTOR)
    await loop.settle()
    assert (await get(loop, path, COORDINATOR)).json() == before.json()
    assert (await get(loop, path, uuid4(), ("administrator",))).status_code == 200
    assert (await get(loop, path, MENTOR)).status_code == 404
    await loop.deliver(sample.program_closed)
    await loop.settle()
    assert {item["open"] for item in (await get(loop, path, COORDINATOR)).json()["items"]} == {False}
    assert (await get(loop, "/v1/me/sheets", MENTEE)).json()["items"][0]["state"] == "closed"


async def test_answers_are_announced_in_the_hours_batch_once(loop, sample):
    sheet = await sheet_of(loop, sample.mentor)
    await answer(loop, sheet, MENTOR)
    await loop.settle()
    assert not [row for row in await rows_of(loop) if row.type == "SubmissionAnnounced"]
    clock = loop.service.clock
    await clock.turn(clock.now() + timedelta(hours=1))
    for _ in range(3):
        await loop.settle()
    rows = await rows_of(loop)
    [told] = [
        recorded for recorded in await loop.service.codec.recorded(rows) if recorded.event.type == "SubmissionAnnounced"
    ]
    assert (told.event.program, told.event.region, told.event.instrument) == (sample.program, "emea", "baseline")
    assert told.at == datetime.combine(told.event.day, datetime.min.time(), UTC)
    assert told.stream_id not in {sheet, sample.mentor, sample.pair}
    assert (told.correlation, told.causation) == (None, None)


async def test_a_projection_that_lags_announces_nothing_twice(loop, sample):
    sheet = await sheet_of(loop, sample.mentor)
    await answer(loop, sheet, MENTOR)
    await loop.settle()
    clock = loop.service.clock
    await clock.turn(clock.now() + timedelta(hours=1))
    for _ in range(3):
        await loop.service.due_worker().once()
    assert [row.type for row in await rows_of(loop)].count("SubmissionAnnounced") == 1


async def test_two_leaders_at_once_announce_every_answer_once(loop, sample):
    for number in range(1, 9):
        await loop.deliver(sample.session_logged(number))
    for number in range(1, 9):
        await answer(loop, await sheet_of(loop, sample.mentor, number), MENTOR)
    await loop.settle()
    clock = loop.service.clock
    await clock.turn(clock.now() + timedelta(hours=1))
    other = Service(loop.service.definition, loop.service.settings)
    await other.clock.read()
    await asyncio.gather(loop.service.due_worker().once(), other.due_worker().once())
    await other.commands.close()
    await other.close()
    types = [row.type for row in await rows_of(loop)]
    assert (types.count("SubmissionAnnounced"), types.count("AnswersAnnounced")) == (8, 8)


async def test_whoever_withdraws_has_nothing_left_to_answer(loop, sample):
    await loop.deliver(sample.session_logged(1))
    await loop.deliver(sample.mentor_withdrawn)
    await loop.settle()
    assert (await get(loop, "/v1/todo", MENTOR)).json()["items"] == []
    states = {item["state"] for item in (await get(loop, "/v1/me/sheets", MENTOR)).json()["items"]}
    assert states == {"closed"}
    late = await answer(loop, await sheet_of(loop, sample.mentor, 1), MENTOR)
    assert (late.status_code, late.json()["type"]) == (409, "urn:problem-type:sheet-closed")


async def test_a_session_heard_of_before_its_pair_waits_for_it(service, sample):
    await service.deliver(sample.session_logged(1))
    await service.deliver(sample.pair_created)
    assert await rows_of(service) == []
    await service.deliver(sample.program_opened)
    opened = [row for row in await rows_of(service) if row.type == "SheetOpened"]
    assert len(opened) == 4


async def test_an_event_that_is_delivered_twice_has_one_effect(loop, sample):
    event_id = uuid4()
    for _ in range(2):
        await loop.deliver(sample.session_logged(1), event_id=event_id)
    assert [row.type for row in await rows_of(loop)].count("PulseTaken") == 1
