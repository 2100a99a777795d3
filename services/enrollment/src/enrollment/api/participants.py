"""Participants: the list of a program; one is read, one leaves."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from enrollment import access, commands, queries
from enrollment.domain.participant import PARTICIPANT, Participant, Status, place_of
from enrollment.domain.program import PROGRAM, terms_of
from events.contracts.authorization import Relation
from events.runtime.http import Answer, Call, Edge, IfMatch, decode_id_cursor, encode_cursor


def routes(edge: Edge) -> APIRouter:
    """`/v1/programs/{program}/participants` and `/v1/participants`."""
    router = APIRouter(tags=["participants"])

    async def found(call: Call, participant: UUID) -> tuple[int, Participant]:
        """Version and state of somebody whom the caller may see. Raises NotFound."""
        version, state = await call.load(PARTICIPANT.stream(participant))
        _, program = await call.load(PROGRAM.stream(place_of(state).program))
        call.permit(access.to_participant(call.caller, program, state))
        return version, state

    @router.get("/v1/programs/{program}/participants", **edge.action("participants.list"))
    async def in_program(
        program: UUID,
        call: Annotated[Call, Depends(edge.call)],
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
    ) -> Response:
        _, state = await call.load(PROGRAM.stream(program))
        relations = access.to_program(call.caller, state)
        call.permit(relations)
        everywhere = Relation.ADMINISTRATOR in relations
        regions = terms_of(state).regions if everywhere else state.coordinators[call.caller.subject]
        async with edge.read() as conn:
            page = await queries.participants_of_program(
                conn, edge.codec, program, regions, after=decode_id_cursor(cursor), limit=limit
            )
            places = {participant: place_of(person) for participant, person in page.people.items()}
            known = await queries.details(conn, edge.codec, [place.subject for place in places.values()])
        items = [
            {
                "participant": str(participant),
                "external_id": known[place.subject].external_id if place.subject in known else None,
                "role": place.role,
                "region": place.region,
                "status": page.people[participant].status,
                "display_name": known[place.subject].display_name if place.subject in known else None,
            }
            for participant, place in places.items()
        ]
        more = encode_cursor(str(page.last)) if page.more else None
        return call.reply(Answer({"items": items, "next": more}))

    @router.get("/v1/participants/{participant}", **edge.action("participant.read"))
    async def read(participant: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        version, state = await found(call, participant)
        place = place_of(state)
        async with edge.read() as conn:
            known = await queries.details(conn, edge.codec, [place.subject])
        name = known[place.subject].display_name if place.subject in known else None
        return call.reply(Answer(_shown(participant, state, name), version=version))

    @router.post("/v1/participants/{participant}/withdraw", **edge.action("participant.withdraw"))
    async def withdraw(participant: UUID, call: Annotated[Call, Depends(edge.call)], expected: IfMatch) -> Response:
        """Leave the program for good. Nobody needs to say why."""
        await found(call, participant)
        command = commands.withdraw(participant, now=call.now, actor=call.caller.subject, expected=expected)
        return await call.execute(
            command,
            lambda outcome: Answer(
                {"participant": str(participant), "status": Status.WITHDRAWN}, version=outcome.versions[participant]
            ),
        )

    return router


def _shown(participant: UUID, state: Participant, display_name: str | None) -> dict[str, Any]:
    """Without manager chain and identity: other people, and what only a mutual wish may use."""
    place = place_of(state)
    profile = state.profile.model_dump(mode="json", exclude={"manager_chain"}) if state.profile else None
    return {
        "participant": str(participant),
        "program": str(place.program),
        "role": place.role,
        "region": place.region,
        "status": state.status,
        "display_name": display_name,
        "profile": profile,
    }
