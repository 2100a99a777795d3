"""Programs over HTTP: written down, opened, closed, coordinated."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from events.contracts.authorization import TABLE

PROGRAM = {
    "name": "  Reverse   mentoring ",
    "regions": ["EMEA", "Americas"],
    "starts_on": "2027-01-11",
    "ends_on": "2027-09-30",
    "grade_ladder": ["Associate", "Senior", "Director"],
    "dividing_grade": 3,
}


async def create(enrollment, **changes):
    return await enrollment.client.post("/v1/programs", json=PROGRAM | changes, headers=enrollment.administrator)


async def change(enrollment, program, verb, etag, headers=None):
    headers = (headers or enrollment.administrator) | ({"if-match": etag} if etag else {})
    return await enrollment.client.post(f"/v1/programs/{program}/{verb}", headers=headers)


async def test_a_program_goes_from_draft_to_open_to_closed(enrollment):
    created = await create(enrollment)
    assert created.status_code == 201
    path = created.headers["location"]
    draft = await enrollment.client.get(path, headers=enrollment.administrator)
    assert draft.json() == {
        **PROGRAM,
        "name": "Reverse mentoring",
        "program": created.json()["program"],
        "state": "draft",
        "cadence_days": 30,
        "sessions_per_pair": 6,
        "working_hours": "09:00-17:00",
        "rating_threshold": 5,
        "comment_threshold": 10,
    }

    program = created.json()["program"]
    opened = await change(enrollment, program, "open", draft.headers["etag"])
    assert (opened.status_code, opened.json()["state"]) == (200, "open")
    assert (await enrollment.client.get(path, headers=enrollment.running.token())).json()["state"] == "open"
    closed = await change(enrollment, program, "close", opened.headers["etag"])
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")


async def test_a_draft_is_there_for_administrators_and_its_coordinators_alone(enrollment):
    path = (await create(enrollment)).headers["location"]
    coordinator = await enrollment.coordinator(path.rsplit("/", 1)[1], "hr-1", "EMEA")

    for headers in (enrollment.administrator, coordinator):
        assert (await enrollment.client.get(path, headers=headers)).status_code == 200
    for headers in (enrollment.running.token(), enrollment.running.token(roles=["operator", "auditor"])):
        assert (await enrollment.client.get(path, headers=headers)).status_code == 404


async def test_a_program_is_taken_from_a_coordinator_by_giving_them_no_region(enrollment):
    program = await enrollment.program()
    coordinator = await enrollment.coordinator(program, "hr-1", "EMEA")
    path = f"/v1/programs/{program}"
    assert (await enrollment.client.get(f"{path}/participants", headers=coordinator)).status_code == 200

    given = {"external_id": "hr-1", "regions": []}
    answer = await enrollment.client.post(f"{path}/coordinators", json=given, headers=enrollment.administrator)
    again = await enrollment.client.post(f"{path}/coordinators", json=given, headers=enrollment.administrator)

    assert (answer.status_code, again.status_code) == (201, 201)
    assert answer.headers["etag"] == again.headers["etag"]
    assert (await enrollment.client.get(f"{path}/participants", headers=coordinator)).status_code == 404


async def test_opening_needs_the_version_that_was_read(enrollment):
    program = (await create(enrollment)).json()["program"]

    assert (await change(enrollment, program, "open", None)).status_code == 428
    assert (await change(enrollment, program, "open", '"7"')).status_code == 412
    assert (await change(enrollment, program, "open", '"1"')).status_code == 200
    again = await change(enrollment, program, "open", '"2"')
    assert (again.status_code, again.json()["type"]) == (409, "urn:problem-type:program-not-draft")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": " "},
        {"name": "x\x00y"},
        {"regions": []},
        {"regions": ["EMEA", "emea"]},
        {"ends_on": "2026-01-01"},
        {"dividing_grade": 4},
        {"dividing_grade": 0},
        {"rating_threshold": 4},
        {"working_hours": "17:00-09:00"},
        {"sponsor": "nobody asked"},
    ],
)
async def test_terms_that_cannot_hold_are_refused_with_what_to_mend(enrollment, changes):
    answer = await create(enrollment, **changes)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json().get("errors") or answer.json()["detail"]
    assert told
    assert "Value error" not in str(told)


async def test_the_same_idempotency_key_makes_one_program(enrollment):
    enrollment.administrator["idempotency-key"] = "once"

    first, again = await create(enrollment), await create(enrollment)

    assert first.json() == again.json()
    assert (await create(enrollment, name="Another")).status_code == 422


async def test_programs_are_administered_by_administrators_alone(enrollment):
    anyone = enrollment.running.token(roles=["operator", "auditor"])
    program = await enrollment.program()
    coordinator = await enrollment.coordinator(program, "hr-1", "EMEA")

    for headers in (anyone, coordinator):
        created = await enrollment.client.post("/v1/programs", json=PROGRAM, headers=headers)
        assert created.status_code == 404
        assert (await change(enrollment, program, "close", '"2"', headers)).status_code == 404
        assigned = await enrollment.client.post(
            f"/v1/programs/{program}/coordinators",
            json={"external_id": "hr-2", "regions": ["EMEA"]},
            headers=headers,
        )
        assert assigned.status_code == 404
    assert (await enrollment.client.post("/v1/programs", json=PROGRAM)).status_code == 401


async def test_a_coordinator_is_named_by_external_id_and_known_by_subject(enrollment):
    program = await enrollment.program()
    subject, _ = await enrollment.sign_in("hr-1")
    path = f"/v1/programs/{program}/coordinators"

    given = {"external_id": "hr-1", "regions": ["emea"]}
    answer = await enrollment.client.post(path, json=given, headers=enrollment.administrator)
    assert (answer.status_code, answer.json()) == (201, {"subject": str(subject)})

    given = {"external_id": "hr-1", "regions": ["Mars"]}
    refused = await enrollment.client.post(path, json=given, headers=enrollment.administrator)
    assert refused.status_code == 422
    assert "EMEA" in refused.json()["detail"]


async def test_a_program_that_does_not_exist_is_404_everywhere(enrollment):
    path = f"/v1/programs/{uuid4()}"
    headers = enrollment.administrator | {"if-match": '"0"'}

    assert (await enrollment.client.get(path, headers=headers)).status_code == 404
    assert (await enrollment.client.post(f"{path}/open", headers=headers)).status_code == 404
    assert (await enrollment.client.post(f"{path}/close", headers=headers)).status_code == 404
    assert (await enrollment.client.get(f"{path}/participants", headers=headers)).status_code == 404
    assert (await enrollment.upload(path.rsplit("/", 1)[1], b"x")).status_code == 404
    given = {"external_id": "hr-1", "regions": ["EMEA"]}
    assert (await enrollment.client.post(f"{path}/coordinators", json=given, headers=headers)).status_code == 404


async def test_an_administrator_is_told_what_to_do_next(enrollment):
    async def kinds(headers=None):
        await enrollment.running.settle()
        answer = await enrollment.client.get("/v1/todo", headers=headers or enrollment.administrator)
        return [item["kind"] for item in answer.json()["items"]]

    created = (await create(enrollment)).json()["program"]
    assert await kinds() == ["program.open"]

    await change(enrollment, created, "open", '"1"')
    coordinator = await enrollment.coordinator(created, "hr-1", "EMEA")
    assert await kinds() == ["program.import"]
    assert await kinds(coordinator) == ["program.import"]
    assert await kinds(enrollment.running.token()) == []

    await enrollment.import_rows(created, {})
    assert await kinds() == []


async def test_a_program_that_is_over_is_to_be_closed(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(program, {})
    await enrollment.running.service.clock.turn(datetime(2027, 10, 1, tzinfo=UTC))
    await enrollment.running.settle()

    answer = await enrollment.client.get("/v1/todo", headers=enrollment.administrator)

    (item,) = answer.json()["items"]
    assert (item["kind"], item["due_at"]) == ("program.close", "2027-09-30T00:00:00Z")
    assert item["href"] == f"/v1/programs/{program}"


def test_every_action_of_this_service_stands_in_the_table():
    assert {"program.create", "participants.import", "names.read", "token.exchange"} <= TABLE.keys()
