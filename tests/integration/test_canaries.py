"""Marked names, texts and identities go through everything; what leaves a service shows none of them."""

import json
from uuid import uuid4

import asyncpg
import pytest

from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Program, permitted
from integration.topics import everything_told, nobody_is_behind, told_of
from viceversa.client import Refused


async def test_names_texts_and_identities_stand_in_no_topic_header_span_or_log(platform: Platform, program: Program):
    mark = f"canary{uuid4().hex}"
    personal = {"given_name": f"{mark}-given", "family_name": f"{mark}-family", "email": f"{mark}@example.org"}
    wish = {"identity": f"{mark}-identity", "identity_wish": "yes"}
    people = [program.person(role, n, **personal, **wish) for role in ("mentor", "mentee") for n in (1, 2)]
    await program.sign_up(people)
    first, second = await program.propose()
    await program.answer(first, first.mentor, answer="declined", reason=f"{mark}-decline")
    await program.answer(second, second.mentor, answer="accepted")
    await program.answer(second, second.mentee, answer="accepted")
    await eventually(lambda: permitted(lambda: program.engagement(second)))
    await program.agree(second, f"{mark}-goal", when_it_does_not_work=f"{mark}-exit")
    session = await program.plan(second, second.mentor, days=2)
    path = f"/v1/engagements/{second.id}"
    cancelled = {"reason": f"{mark}-cancel"}
    await program.caller(second.mentee).change("sessions", path, f"sessions/{session}/cancel", cancelled)
    rematch = {"reason": f"{mark}-rematch"}
    await program.caller(second.mentee).post("feedback", f"/v1/pairs/{second.id}/rematch-requests", rematch)
    await answer_baseline(program, second.mentor, f"{mark}-comment")
    await program.withdraw(first.mentee)

    async def all_is_told() -> None:
        told = await everything_told(platform.servers.kafka)
        assert any(map(told_of("RematchRequested", pair=second.id), told))
        assert any(map(told_of("ParticipantWithdrawn", participant=first.mentee), told))

    await eventually(all_is_told)
    await eventually(lambda: nobody_is_behind(platform.servers.kafka), within=60)

    # The marks did arrive: those who may see them do.
    names = (await program.coordinator.post("enrollment", "/v1/names", {"participants": [first.mentor]})).body
    assert mark in str(names)
    assert mark in str(await program.engagement(second))

    told = await everything_told(platform.servers.kafka)
    assert told
    assert [event.name for event in told if mark.encode() in event.whole] == []
    for files in (platform.logs, sorted(platform.spans.glob("*.jsonl"))):
        assert sum(file.stat().st_size for file in files) > 0
        assert [file.name for file in files if mark in file.read_text()] == []


async def test_a_value_that_the_database_quotes_in_an_error_stands_in_no_log(platform: Platform, program: Program):
    mark = f"canary{uuid4().hex}"
    enrollment = platform.services["enrollment"]
    connection = await asyncpg.connect(platform.databases["enrollment"])
    try:
        # PostgreSQL's DETAIL quotes the whole row that a constraint refuses.
        await connection.execute(f"alter table events add constraint refuse check (data::text not like '%{mark}%')")
        opening = {"name": mark, "regions": ["EMEA"], "starts_on": "2030-01-01", "ends_on": "2030-09-01"}
        ladder = {"grade_ladder": ["junior", "senior"], "dividing_grade": 2}
        with pytest.raises(Refused) as refused:
            await program.administrator.post("enrollment", "/v1/programs", opening | ladder)
    finally:
        await connection.execute("alter table events drop constraint refuse")
        await connection.close()
    assert refused.value.status == 500
    log = enrollment.log.read_text()
    (failed,) = [line for line in map(json.loads, log.splitlines()) if line["event"] == "a request failed"]
    assert "CheckViolationError 23514" in failed["failed"]
    assert str(refused.value.problem["trace"]) in failed["traceparent"]
    assert mark not in log


async def answer_baseline(program: Program, participant: str, comment: str) -> None:
    caller = program.caller(participant)

    async def baseline() -> dict[str, object]:
        sheets = (await caller.get("feedback", "/v1/me/sheets")).body["items"]
        (sheet,) = [s for s in sheets if s["participant"] == participant and s["instrument"] == "baseline"] or [None]
        assert sheet
        return sheet

    sheet = await eventually(baseline)
    ratings = {item["item"]: 4 for item in sheet["items"]}
    answers = {"ratings": ratings, "comment": comment}
    await caller.change("feedback", f"/v1/sheets/{sheet['sheet']}", "answers", answers)
