"""Signing up without a file: oneself, or one person."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from enrollment import access, identities
from enrollment.api.imports import rules_of
from enrollment.domain.participant import ParticipantEnrolled
from enrollment.domain.program import PROGRAM, Program, must_be_open
from enrollment.identities import BlindIndex
from enrollment.importing import applications_of, move_those_below, note_lines
from enrollment.settling import Desk, people_of, settle_rows
from enrollment.signup_file import Problem, RefusedRow, SignUp, read_cells
from enrollment.transport import Seal
from events.contracts.authorization import Relation
from events.runtime.http import Answer, Call, Edge
from events.runtime.refusals import Refusal
from events.runtime.streams import Outcome

_Cell = Annotated[str, Field(max_length=4_000)]
# Far beyond any rank, so that a wrong one is refused in the words of the sign-up file.
_Number = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]


class SignUpRow(BaseModel):
    """One row of the sign-up file as JSON: the same columns, written the same way."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "external_id": "e-104",
                    "given_name": "Ada",
                    "family_name": "Byron",
                    "email": "ada@example.com",
                    "role": "auto",
                    "grade": 2,
                    "unit": "Data",
                    "location": "Berlin",
                    "country": "Germany",
                    "region": "EMEA",
                    "time_zone": "Europe/Berlin",
                    "languages": "de;en",
                    "manager_id": "e-7",
                    "offers": "tiktok:5;data analysis:3",
                    "seeks": "strategy",
                }
            ]
        },
    )

    external_id: _Cell
    given_name: _Cell
    family_name: _Cell
    email: _Cell
    role: _Cell
    grade: _Number | _Cell
    unit: _Cell = ""
    location: _Cell = ""
    country: _Cell = ""
    region: _Cell
    time_zone: _Cell
    working_hours: _Cell = ""
    languages: _Cell
    manager_id: _Cell | None = None
    capacity: _Number | _Cell = 1
    offers: _Cell
    seeks: _Cell
    identity: _Cell | None = None
    identity_wish: _Cell | None = None

    def cells(self) -> dict[str, str]:
        """As the file would hold them."""
        return {column: "" if value is None else str(value) for column, value in self}


class SignUpRefused(Refusal):
    """Cells that must be mended, in `errors`."""

    slug: ClassVar[str] = "sign-up-refused"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The sign-up cannot go in; see errors"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(errors=[{"where": p.column or "row", "what": p.message} for p in problems])


def routes(edge: Edge, *, blind: BlindIndex, seal: Seal) -> APIRouter:
    """`POST /v1/programs/{program}/participants`."""
    router = APIRouter(tags=["sign-ups"])

    @router.post("/v1/programs/{program}/participants", **edge.action("participant.enroll"))
    async def enroll(program: UUID, given: SignUpRow, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Sign up oneself, or somebody else as their coordinator; signing up again brings the profile up to date."""
        if (before := await call.repeated()) is not None:
            return before
        _, state = await call.load(PROGRAM.stream(program))
        terms = must_be_open(state)
        row = read_cells(given.cells(), rules_of(terms))
        region = row.region if isinstance(row, SignUp) else given.region
        relations = await to_sign_up(call, state, row.external_id, region)
        call.permit(relations)
        if isinstance(row, RefusedRow):
            raise SignUpRefused(row.problems)
        everywhere = Relation.ADMINISTRATOR in relations
        regions = None if everywhere else state.coordinators.get(call.caller.subject, ())
        desk = Desk(edge.commands, blind, seal, program, call.caller.subject, call.now, regions)
        people = await people_of(desk, [row])
        settled = await settle_rows(desk, [row], people)
        if settled.refused:
            raise SignUpRefused(settled.refused[0].problems)
        (application,) = await applications_of(desk, settled.accepted, settled, people.subjects)
        participant = application.participant
        response = await call.execute(application.command, lambda outcome: _enrolled(participant, outcome))
        await note_lines(desk, [application])
        await move_those_below(desk, [application])
        return response

    async def to_sign_up(call: Call, program: Program, external_id: str | None, region: str) -> set[Relation]:
        relations = access.to_program(call.caller, program, [region])
        if external_id is not None:
            async with edge.read() as conn:
                known = await identities.subjects_of(conn, blind, [external_id], allocate=False)
            if known.get(external_id) == call.caller.subject:
                relations.add(Relation.ANYONE)
        return relations

    return router


def _enrolled(participant: UUID, outcome: Outcome) -> Answer:
    new = any(isinstance(event, ParticipantEnrolled) for _, event in outcome.events)
    return Answer(
        {"participant": str(participant)},
        status=201 if new else 200,
        version=outcome.versions[participant],
        location=f"/v1/participants/{participant}",
    )
