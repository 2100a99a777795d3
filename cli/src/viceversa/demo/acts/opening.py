"""A program is created and opened, coordinators are named, and HR uploads the sign-up file."""

from datetime import timedelta
from typing import Any

from viceversa.demo.enterprise import DIVIDING_GRADE, GRADE_LADDER
from viceversa.demo.facts import REGIONS
from viceversa.demo.stage import Participant, Stage

_PROGRAM_DAYS = 270


async def open_program(stage: Stage) -> str:
    """The administrator sets the program up; a coordinator for each region and one for all of them."""
    created = await stage.administrator.post(
        "enrollment",
        "/v1/programs",
        {
            "name": "Reverse mentoring",
            "regions": list(REGIONS),
            "starts_on": stage.now.date().isoformat(),
            "ends_on": (stage.now + timedelta(days=_PROGRAM_DAYS)).date().isoformat(),
            "cadence_days": 30,
            "grade_ladder": list(GRADE_LADDER),
            "dividing_grade": DIVIDING_GRADE,
        },
    )
    stage.program = created.body["program"]
    path = f"/v1/programs/{stage.program}"
    await stage.administrator.change("enrollment", path, "open")
    for external_id, regions in (
        (stage.coordinator.external_id, list(REGIONS)),
        *((f"hr-{region.lower()}", [region]) for region in REGIONS),
    ):
        await stage.administrator.post(
            "enrollment", f"{path}/coordinators", {"external_id": external_id, "regions": regions}
        )
    await stage.expectations.eventually(
        "another system hears that the program opened", lambda: stage.public("ProgramOpened"), 1
    )
    return f"{len(REGIONS)} regions, {len(REGIONS) + 1} coordinators"


async def sign_up(stage: Stage) -> str:
    """The coordinator uploads the file, reads the report, and uploads it once more by mistake."""
    expect, people = stage.expectations, len(stage.enterprise)
    report = await _upload(stage)
    stage.rejected_rows = report["rejected"]
    expect.equal("everyone in the file is enrolled", report["enrolled"], people)
    problems = {problem["line"]: problem["column"] for problem in report["problems"]}
    expected = {line: bad_row.column for line, bad_row in stage.file.bad.items()}
    expect.equal("every bad row is reported, by line and column", problems, expected)
    again = await _upload(stage)
    expect.equal(
        "the same file a second time changes nothing", (again["enrolled"], again["unchanged"]), (0, report["enrolled"])
    )
    await expect.eventually("matching knows everyone who signed up", lambda: _known_to_matching(stage), people)
    async for item in stage.coordinator.pages("enrollment", f"/v1/programs/{stage.program}/participants"):
        stage.participants[item["participant"]] = Participant(
            item["participant"], item["external_id"], item["display_name"], item["role"], item["region"]
        )
    expect.equal("the coordinator sees everyone in the list", len(stage.participants), people)
    mentors = sum(participant.role == "mentor" for participant in stage.participants.values())
    return f"{mentors} mentors, {people - mentors} mentees, {stage.rejected_rows} bad rows reported by line"


async def _upload(stage: Stage) -> dict[str, Any]:
    path = f"/v1/programs/{stage.program}/imports"
    return dict((await stage.coordinator.upload("enrollment", path, stage.file.content)).body)


async def _known_to_matching(stage: Stage) -> int:
    pool = (await stage.coordinator.get_once_it_exists("matching", f"/v1/programs/{stage.program}/pool")).body
    return int(pool["mentors"] + pool["mentees"])
