"""Sheets: what people expect before they start, and how their last meeting was. Nobody has to answer."""

from typing import Any

from viceversa.client import for_each
from viceversa.demo.stage import Participant, Stage
from viceversa.polling import until

_ANSWER_BASELINE, _ANSWER_PULSE = 0.70, 0.40


async def answer_baseline(stage: Stage) -> str:
    """Most of the new pairs say how they see feedback upwards before anything has happened."""
    newcomers = [person for person in stage.sides(stage.new_pairs()) if person.id not in stage.asked]
    stage.asked.update(person.id for person in newcomers)
    return await _answer(stage, "baseline", stage.some(_ANSWER_BASELINE, newcomers))


async def answer_pulse(stage: Stage) -> str:
    """Some say how their last meeting was. Most sheets stay unanswered, as in life."""
    met = [pair for pair in stage.active_pairs() if pair.met]
    return await _answer(stage, "pulse", stage.some(_ANSWER_PULSE, stage.sides(met)))


async def open_sheet(stage: Stage, person: Participant, instrument: str) -> dict[str, Any] | None:
    """The newest sheet of that kind that waits for the person's answer."""
    sheets = (await stage.caller(person).get("feedback", "/v1/me/sheets")).body["items"]
    waiting = (
        sheet
        for sheet in sheets
        if sheet["participant"] == person.id and sheet["instrument"] == instrument and sheet["state"] == "open"
    )
    return max(waiting, key=lambda sheet: sheet["number"] or 0, default=None)


async def _answer(stage: Stage, instrument: str, people: list[Participant]) -> str:
    stage.progress.begin(len(people))
    before = stage.sheets_answered
    await for_each(people, lambda person: _answer_sheet(stage, instrument, person), stage.progress.advance)
    answered = stage.sheets_answered - before
    stage.expectations.equal(
        f"all {len(people)} who want to answer a {instrument} sheet find one", answered, len(people)
    )
    return f"{answered} sheets answered"


async def _answer_sheet(stage: Stage, instrument: str, person: Participant) -> None:
    """The sheet is opened by an event from another service: it may be a moment away."""
    sheet = await until(lambda: open_sheet(stage, person, instrument), lambda found: found is not None)
    if sheet is None:
        return
    ratings = {item["item"]: stage.dice.choice((3, 4, 4, 5)) for item in sheet["items"]}
    path = f"/v1/sheets/{sheet['sheet']}/answers"
    await stage.caller(person).post("feedback", path, {"ratings": ratings}, if_match=sheet["version"])
    stage.sheets_answered += 1
