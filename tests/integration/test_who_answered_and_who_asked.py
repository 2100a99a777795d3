"""That somebody answered, and that a pair ends, is told by the hour; by whom is told nowhere."""

from datetime import timedelta
from typing import Any

from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Pair, Program
from integration.topics import Told, everything_told, told_of
from viceversa.client import now, turn_clock


async def baseline_of(program: Program, participant: str) -> dict[str, Any]:
    async def asked() -> dict[str, Any]:
        sheets = (await program.caller(participant).get("feedback", "/v1/me/sheets")).body["items"]
        assert sheets
        return sheets[0]

    return await eventually(asked)


async def answer_baseline(program: Program, participant: str) -> str:
    asked = await baseline_of(program, participant)
    answers = {"ratings": {item["item"]: 4 for item in asked["items"]}}
    await program.caller(participant).change("feedback", f"/v1/sheets/{asked['sheet']}", "answers", answers)
    return asked["sheet"]


async def let_it_be_ten_past_the_next_hour(program: Program) -> None:
    operator = program.platform.caller(f"{program.token}-operator", "operator")
    hour = (await now(operator)).replace(minute=0, second=0, microsecond=0)
    await turn_clock(operator, hour + timedelta(hours=1, minutes=10))


async def told(platform: Platform, service: str, event: str, count: int, **data: Any) -> list[Told]:
    async def all_of_them() -> list[Told]:
        topics = (f"viceversa.{service}.v1", f"viceversa.{service}.restricted.v1")
        found = list(filter(told_of(event, **data), await everything_told(platform.servers.kafka, topics)))
        assert len(found) == count
        return found

    return await eventually(all_of_them, within=30)


async def test_answers_are_told_by_the_hour_and_lead_back_to_nobody(platform: Platform, program: Program):
    await program.sign_up([program.person(role, n) for role in ("mentor", "mentee") for n in (1, 2)])
    pairs = await program.pair_up()
    await let_it_be_ten_past_the_next_hour(program)
    people = [participant for pair in pairs for participant in (pair.mentor, pair.mentee)]
    sheets = [await answer_baseline(program, participant) for participant in people]
    assert not await told(platform, "feedback", "FeedbackSubmitted", 0, program=program.id)

    await let_it_be_ten_past_the_next_hour(program)

    submitted = await told(platform, "feedback", "FeedbackSubmitted", len(people), program=program.id)
    assert len({event.key for event in submitted}) == len(people)
    assert {event.trace_id for event in submitted} == {submitted[0].trace_id}
    for event in submitted:
        assert event.data.keys() == {"program", "region", "instrument", "day"}
        assert event["time"].endswith("T00:00:00+00:00")
        attributes = {name for name, _ in event.headers}
        assert not attributes & {"ce_correlationid", "ce_causationid"}
        known = [*people, *sheets, *(pair.id for pair in pairs)]
        assert not [each for each in known if each.encode() in event.whole]

    seen = "".join(file.read_text() for file in (*platform.logs, *platform.spans.glob("*.jsonl")))
    assert "POST /v1/sheets/{sheet}/answers" in seen
    assert [sheet for sheet in sheets if sheet in seen] == []


async def test_the_end_of_a_pair_tells_neither_who_asked_nor_when(platform: Platform, program: Program):
    await program.sign_up([program.person(role, 1) for role in ("mentor", "mentee")])
    (pair,) = await program.pair_up()
    await let_it_be_ten_past_the_next_hour(program)
    await ask_for_another_match(program, pair)
    (requested,) = await told(platform, "feedback", "RematchRequested", 1, pair=pair.id)
    assert not await told(platform, "matching", "PairEnded", 0, pair=pair.id)

    await let_it_be_ten_past_the_next_hour(program)

    (ended,) = await told(platform, "matching", "PairEnded", 1, pair=pair.id)
    assert ended.data == {"pair": pair.id, "program": program.id, "reason": "ended"}
    assert ended.trace_id != requested.trace_id
    assert "ce_causationid" not in dict(ended.headers)
    attributes_of_spans = "".join(
        line
        for file in platform.spans.glob("*.jsonl")
        for line in file.read_text().splitlines()
        if requested.trace_id in line
    )
    assert "rematch-requests" in attributes_of_spans
    assert pair.mentor not in attributes_of_spans
    assert pair.mentee not in attributes_of_spans


async def ask_for_another_match(program: Program, pair: Pair) -> None:
    await baseline_of(program, pair.mentee)  # by then feedback knows the pair
    path = f"/v1/pairs/{pair.id}/rematch-requests"
    await program.caller(pair.mentee).post("feedback", path, {"reason": "We never found a time"})
