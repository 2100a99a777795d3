"""Programs: written down, opened, closed, and who coordinates them."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from enrollment import access, commands, identities
from enrollment.domain.program import PROGRAM, Program, State, Terms, terms_of
from enrollment.identities import BlindIndex
from enrollment.signup_file import cells
from events.contracts.authorization import Relation
from events.runtime.http import Answer, Call, Edge, IfMatch
from events.runtime.refusals import NotFound
from events.runtime.streams import Outcome


def _cell(read: Callable[[str], str]) -> AfterValidator:
    """A text by the rules of a cell of the sign-up file."""

    def validate(value: str) -> str:
        try:
            return read(value)
        except cells.Misfit as misfit:
            raise PydanticCustomError("misfit", "{told}", {"told": str(misfit)}) from None

    return AfterValidator(validate)


def _short_text(longest: int) -> AfterValidator:
    return _cell(lambda value: cells.text(value, longest=longest, required=True))


_Name = Annotated[str, Field(max_length=400), _short_text(200)]
_Region = Annotated[str, Field(max_length=120), _short_text(60)]
_Regions = Annotated[tuple[_Region, ...], Field(max_length=50)]
_GradeName = Annotated[str, Field(max_length=120), _short_text(60)]
_Hours = Annotated[str, Field(max_length=20), _cell(lambda value: cells.working_hours(value, "09:00-17:00"))]
_Threshold = Annotated[int, Field(ge=5, le=1000)]


class NewProgram(BaseModel):
    """The terms of a program; thresholds and regions are frozen when it opens."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Reverse mentoring",
                    "regions": ["EMEA", "Americas"],
                    "starts_on": "2027-01-11",
                    "ends_on": "2027-09-30",
                    "grade_ladder": ["Associate", "Senior", "Director", "Vice President"],
                    "dividing_grade": 3,
                }
            ]
        },
    )

    name: _Name
    regions: Annotated[_Regions, Field(min_length=1)]
    starts_on: date
    ends_on: date
    cadence_days: Annotated[int, Field(ge=1, le=365)] = 30
    sessions_per_pair: Annotated[int, Field(ge=1, le=100)] = 6
    grade_ladder: Annotated[tuple[_GradeName, ...], Field(max_length=cells.MOST_GRADES)] = ()
    dividing_grade: Annotated[int, Field(ge=1, le=cells.MOST_GRADES)]
    working_hours: _Hours = "09:00-17:00"
    rating_threshold: _Threshold = 5
    comment_threshold: _Threshold = 10


class NewCoordinator(BaseModel):
    """Who runs a program where."""

    model_config = ConfigDict(extra="forbid")

    external_id: Annotated[str, Field(max_length=200), _short_text(100)]
    regions: _Regions


def routes(edge: Edge, *, blind: BlindIndex) -> APIRouter:
    """`/v1/programs`."""
    router = APIRouter(tags=["programs"])

    @router.post("/v1/programs", **edge.action("program.create"))
    async def create(given: NewProgram, call: Annotated[Call, Depends(edge.call)]) -> Response:
        call.permit(access.to_program(call.caller, Program()))
        program = uuid4()
        command = commands.draft_program(
            program, Terms.model_validate(given.model_dump()), now=call.now, actor=call.caller.subject
        )
        return await call.execute(
            command,
            lambda outcome: Answer(
                {"program": str(program), "state": State.DRAFT},
                status=201,
                version=outcome.versions[program],
                location=f"/v1/programs/{program}",
            ),
        )

    @router.get("/v1/programs/{program}", **edge.action("program.read"))
    async def read(program: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """A program's terms. A draft is there only for administrators and who will coordinate it."""
        version, state = await call.load(PROGRAM.stream(program))
        may_see_drafts = {Relation.ADMINISTRATOR, Relation.COORDINATOR}
        if state.state is State.DRAFT and not may_see_drafts & access.to_program(call.caller, state):
            raise NotFound
        return call.reply(Answer(_shown(program, state), version=version))

    @router.post("/v1/programs/{program}/open", **edge.action("program.open"))
    async def open_program(program: UUID, call: Annotated[Call, Depends(edge.call)], expected: IfMatch) -> Response:
        call.permit(access.to_program(call.caller, Program()))
        command = commands.open_program(program, now=call.now, actor=call.caller.subject, expected=expected)
        return await call.execute(command, lambda outcome: _became(program, State.OPEN, outcome))

    @router.post("/v1/programs/{program}/close", **edge.action("program.close"))
    async def close_program(program: UUID, call: Annotated[Call, Depends(edge.call)], expected: IfMatch) -> Response:
        call.permit(access.to_program(call.caller, Program()))
        command = commands.close_program(program, now=call.now, actor=call.caller.subject, expected=expected)
        return await call.execute(command, lambda outcome: _became(program, State.CLOSED, outcome))

    @router.post("/v1/programs/{program}/coordinators", **edge.action("coordinator.assign"))
    async def assign(program: UUID, given: NewCoordinator, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Let somebody run the program in these regions, instead of those they had.

        `"regions": []` takes the program from them: they coordinate it nowhere any more.
        """
        call.permit(access.to_program(call.caller, Program()))
        async with edge.commands.pool.begin() as conn:
            subjects = await identities.subjects_of(conn, blind, [given.external_id], allocate=True)
        subject = subjects[given.external_id]
        command = commands.assign_coordinator(program, subject, given.regions, now=call.now, actor=call.caller.subject)
        return await call.execute(
            command,
            lambda outcome: Answer({"subject": str(subject)}, status=201, version=outcome.versions[program]),
        )

    return router


def _became(program: UUID, state: State, outcome: Outcome) -> Answer:
    return Answer({"program": str(program), "state": state}, version=outcome.versions[program])


def _shown(program: UUID, state: Program) -> dict[str, Any]:
    return {"program": str(program), "state": state.state, **terms_of(state).model_dump(mode="json")}
