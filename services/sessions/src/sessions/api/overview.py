"""Over many engagements: a person's own, what they have to do next, and a program's counts."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from events import membership
from events.contracts.authorization import Relation
from events.runtime.http import Answer, Call, Edge, decode_id_cursor, encode_cursor
from events.runtime.refusals import NotFound
from sessions import queries
from sessions.api.engagement import state_of

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200)]


def routes(edge: Edge) -> APIRouter:
    """Routes that answer from projections."""
    router = APIRouter()

    @router.get("/v1/me/engagements", **edge.action("engagements.own"))
    async def own_engagements(
        call: Annotated[Call, Depends(edge.call)], cursor: Cursor = None, limit: Limit = 50
    ) -> Response:
        """List the caller's engagements in all programs, past ones too."""
        async with edge.read() as conn:
            found = await queries.engagements_of(conn, call.caller.subject, after=decode_id_cursor(cursor), limit=limit)
        following = encode_cursor(str(found[-1].pair)) if len(found) == limit else None
        return call.reply(Answer({"items": [_listed(each) for each in found], "next": following}))

    @router.get("/v1/programs/{program}/engagements/health", **edge.action("health.read"))
    async def read_health(program: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Counts over a coordinator's regions. One that too few people stand behind is null."""
        async with edge.read() as conn:
            relations = await membership.relations(conn, call.caller, program=program)
            call.permit(relations)
            everywhere = Relation.ADMINISTRATOR in relations
            regions = None if everywhere else await membership.coordinated_regions(conn, call.caller.subject, program)
            health = await queries.health(conn, program, regions)
        if health is None:
            raise NotFound
        return call.reply(Answer({"program": program, **_shown(health)}))

    @router.get("/v1/todo", **edge.action("todo.read"))
    async def todo(call: Annotated[Call, Depends(edge.call)]) -> Response:
        """What waits for the caller: an agreement, a session to log, the next one to plan."""
        async with edge.read() as conn:
            found = await queries.engagements_of(conn, call.caller.subject)
        steps = [step for engagement in found for step in queries.next_steps(engagement, call.now)]
        return call.reply(
            Answer(
                {
                    "items": [
                        {
                            "kind": step.kind,
                            "title": step.title,
                            "href": f"/v1/engagements/{step.pair}",
                            "due_at": step.due_at,
                        }
                        for step in steps
                    ]
                }
            )
        )

    return router


def _listed(engagement: queries.ListedEngagement) -> dict[str, Any]:
    proposed = engagement.proposed_by is not None
    return {
        "pair": engagement.pair,
        "program": engagement.program,
        "participant": engagement.participant,
        "role": engagement.role,
        "state": state_of(over=engagement.over),
        "agreement": "signed" if engagement.agreed_at else "proposed" if proposed else "none",
        "proposed_by": engagement.proposed_by,
        "version": engagement.version,
        "sessions": [
            {
                "session": session.session,
                "starts_at": session.starts_at,
                "minutes": session.minutes,
                "state": session.state,
                "number": session.number,
            }
            for session in engagement.sessions
        ],
    }


def _shown(health: queries.Health) -> Mapping[str, int | None]:
    return {
        "shown_from": health.threshold,
        "engagements": health.engagements.shown_from(health.threshold),
        "agreed": health.agreed.shown_from(health.threshold),
        "sessions_logged": health.sessions_logged.shown_from(health.threshold),
        "sessions_cancelled": health.sessions_cancelled.shown_from(health.threshold),
    }
