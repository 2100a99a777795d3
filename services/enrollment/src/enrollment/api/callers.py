"""What concerns whoever asks: their programs, names they may see, what to do next."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from enrollment import access, queries
from enrollment.domain.program import State
from enrollment.queries import ListedProgram
from events.contracts.authorization import Relation
from events.runtime.http import Answer, Call, Edge


class Whose(BaseModel):
    """Participants whose names are asked for."""

    model_config = ConfigDict(extra="forbid")

    participants: Annotated[list[UUID], Field(max_length=500)]


def routes(edge: Edge) -> APIRouter:
    """`/v1/me/participations`, `/v1/names`, `/v1/todo`."""
    router = APIRouter(tags=["callers"])

    @router.get("/v1/me/participations", **edge.action("me.read"))
    async def participations(call: Annotated[Call, Depends(edge.call)]) -> Response:
        async with edge.read() as conn:
            mine = await queries.participations_of(conn, edge.codec, call.caller.subject)
        items = [
            {
                "participant": str(participant),
                "program": str(person.place.program),
                "role": person.place.role,
                "region": person.place.region,
                "status": person.status,
            }
            for participant, person in mine.items()
            if person.place
        ]
        return call.reply(Answer({"items": items, "next": None}))

    @router.post("/v1/names", **edge.action("names.read"))
    async def names(whose: Whose, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Display names of those among these participants whom the caller may see; the others are left out.

        Two who are a pair see each other's from its creation on, and keep seeing them when the pair has ended.
        """
        async with edge.read() as conn:
            partners = await queries.partners_among(conn, call.caller.subject, whose.participants)
            people = await queries.participant_states(conn, edge.codec, whose.participants)
            subjects = {participant: state.place for participant, state in people.items() if state.place}
            programs = await queries.program_states(conn, edge.codec, [place.program for place in subjects.values()])
            seen = {
                participant: place.subject
                for participant, place in subjects.items()
                if edge.table["names.read"]
                & access.to_participant(
                    call.caller, programs[place.program], people[participant], in_a_pair=participant in partners
                )
            }
            known = await queries.details(conn, edge.codec, seen.values())
        # Anybody may ask; whose names they get was decided for each.
        call.permit([Relation.SELF])
        return call.reply(
            Answer(
                {
                    "names": {
                        str(participant): known[subject].display_name
                        for participant, subject in seen.items()
                        if subject in known
                    }
                }
            )
        )

    @router.get("/v1/todo", **edge.action("todo.read"))
    async def todo(call: Annotated[Call, Depends(edge.call)]) -> Response:
        async with edge.read() as conn:
            listed = await queries.unfinished_programs(conn)
            states = await queries.program_states(conn, edge.codec, [item.program for item in listed])
        items = []
        for item in listed:
            relations = access.to_program(call.caller, states[item.program])
            items += _to_do(item, relations, today=call.now.date())
        return call.reply(Answer({"items": items, "next": None}))

    return router


def _to_do(item: ListedProgram, relations: set[Relation], today: date) -> list[dict[str, Any]]:
    href = f"/v1/programs/{item.program}"
    ends = datetime.combine(item.ends_on, time.min, UTC)
    to_do: list[dict[str, Any]] = []
    if Relation.ADMINISTRATOR in relations and item.state is State.DRAFT:
        to_do.append({"kind": "program.open", "title": f"Open {item.name} for sign-ups", "href": href, "due_at": None})
    if Relation.ADMINISTRATOR in relations and item.state is State.OPEN and item.ends_on <= today:
        to_do.append({"kind": "program.close", "title": f"Close {item.name}", "href": href, "due_at": ends})
    may_import = bool(relations & {Relation.ADMINISTRATOR, Relation.COORDINATOR})
    if may_import and item.state is State.OPEN and not item.has_participants:
        title = f"Import the sign-up file of {item.name}"
        to_do.append({"kind": "program.import", "title": title, "href": f"{href}/imports", "due_at": None})
    return to_do
