"""Pairs that both sides accepted."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from events import membership
from events.contracts.authorization import Relation
from events.contracts.kinds import Role
from events.runtime.http import Answer, Call, Edge, decode_id_cursor, encode_cursor
from events.runtime.refusals import NotFound
from matching import queries
from matching.domain.pair import State, pair_stream
from matching.queries import ListedPair

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200)]


def routes(edge: Edge) -> APIRouter:
    """Routes of pairs."""
    router = APIRouter()

    @router.get("/v1/me/pairs", **edge.action("pairs.own"))
    async def own_pairs(call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Pairs that the caller is or was in, in all programs."""
        async with edge.read() as conn:
            mine = {member.participant for member in await membership.participants_of(conn, call.caller.subject)}
            found = await queries.pairs_of(conn, mine)
        return call.reply(
            Answer({"items": [_own(each, Role.MENTOR if each.mentor in mine else Role.MENTEE) for each in found]})
        )

    @router.get("/v1/programs/{program}/pairs", **edge.action("pairs.list"))
    async def list_pairs(
        program: UUID, call: Annotated[Call, Depends(edge.call)], cursor: Cursor = None, limit: Limit = 50
    ) -> Response:
        """Pairs of a program; a coordinator sees those with somebody of their regions."""
        async with edge.read() as conn:
            relations = await membership.relations(conn, call.caller, program=program)
            call.permit(relations)
            regions = None
            if Relation.ADMINISTRATOR not in relations:
                regions = await membership.coordinated_regions(conn, call.caller.subject, program)
            found = await queries.pairs_of_program(
                conn, program, regions=regions, after=decode_id_cursor(cursor), limit=limit
            )
        last = found[-1].pair if len(found) == limit else None
        return call.reply(
            Answer({"items": [_listed(each) for each in found], "next": last and encode_cursor(str(last))})
        )

    @router.get("/v1/pairs/{pair}", **edge.action("pair.read"))
    async def read_pair(pair: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """One pair."""
        _, known = await call.load(pair_stream(pair))
        proposed = known.proposed
        if proposed is None or known.state not in (State.CREATED, State.ENDED):
            raise NotFound
        async with edge.read() as conn:
            call.permit(
                await membership.relations(
                    conn, call.caller, program=proposed.program, participants=(proposed.mentor, proposed.mentee)
                )
            )
        body = {
            "pair": pair,
            "program": proposed.program,
            "mentor": proposed.mentor,
            "mentee": proposed.mentee,
            "mentor_region": proposed.mentor_region,
            "mentee_region": proposed.mentee_region,
            "state": known.state,
        }
        return call.reply(Answer(body))

    return router


def _own(pair: ListedPair, role: Role) -> dict[str, Any]:
    mentor_first = (pair.mentor, pair.mentee)
    participant, partner = mentor_first if role is Role.MENTOR else reversed(mentor_first)
    return {
        "pair": pair.pair,
        "program": pair.program,
        "participant": participant,
        "role": role,
        "partner": partner,
        "state": pair.state,
    }


def _listed(pair: ListedPair) -> dict[str, Any]:
    return {
        "pair": pair.pair,
        "mentor": pair.mentor,
        "mentee": pair.mentee,
        "mentor_region": pair.mentor_region,
        "mentee_region": pair.mentee_region,
        "state": pair.state,
    }
