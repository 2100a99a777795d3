"""What the caller has to do in matching."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from events import membership
from events.contracts.kinds import Role
from events.runtime.http import Answer, Call, Edge
from matching import queries
from matching.domain.pair import TURN

_TITLES = {
    Role.MENTOR: "A mentee is proposed to you: accept or decline",
    Role.MENTEE: "A mentor has agreed to guide you: accept or decline",
}


def routes(edge: Edge) -> APIRouter:
    """The one route."""
    router = APIRouter()

    @router.get("/v1/todo", **edge.action("todo.read"))
    async def todo(call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Proposals to answer, drafts to review."""
        async with edge.read() as conn:
            mine = {member.participant for member in await membership.participants_of(conn, call.caller.subject)}
            proposals = await queries.open_proposals(conn, mine)
            drafts = await queries.drafts(conn, call.caller.subject)
        items = [
            *(
                {
                    "kind": "proposal",
                    "title": _TITLES[TURN[each.state]],
                    "href": f"/v1/proposals/{each.pair}",
                    "due_at": None,
                }
                for each in proposals
            ),
            *(
                {
                    "kind": "round",
                    "title": f"Round {each.number} is a draft: publish or discard it",
                    "href": f"/v1/rounds/{each.round}",
                    "due_at": None,
                }
                for each in drafts
            ),
        ]
        return call.reply(Answer({"items": items}))

    return router
