"""Proposals: those that wait for the caller, one of them, and the answer. The mentor's comes first."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from events import membership
from events.contracts.authorization import Relation
from events.contracts.kinds import Answer as Given
from events.contracts.kinds import Role
from events.runtime.http import Answer, Call, Edge, IfMatch
from events.runtime.refusals import NotFound
from events.runtime.streams import Outcome
from matching import commands, queries
from matching.domain.pair import TURN, Pair, PairProposed, State, evolve, pair_stream
from matching.wording import explanation_text

LONGEST_REASON = 2_000

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_REASON)]


class AnswerGiven(BaseModel):
    """Body of an answer. The reason of a decline is for the coordinator."""

    model_config = ConfigDict(extra="forbid")

    answer: Given
    reason: Reason | None = None


def routes(edge: Edge) -> APIRouter:
    """Routes of proposals."""
    router = APIRouter()

    @router.get("/v1/me/proposals", **edge.action("proposals.own"))
    async def own_proposals(call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Proposals that wait for the caller's answer, in all programs."""
        async with edge.read() as conn:
            mine = {member.participant for member in await membership.participants_of(conn, call.caller.subject)}
            waiting = await queries.open_proposals(conn, mine)
        items = [
            {
                "pair": each.pair,
                "program": each.program,
                "participant": each.mentor if TURN[each.state] is Role.MENTOR else each.mentee,
                "role": TURN[each.state],
                "state": each.state,
                "version": each.version,
                "explanation": explanation_text(each.explanation),
            }
            for each in waiting
        ]
        return call.reply(Answer({"items": items}))

    @router.get("/v1/proposals/{pair}", **edge.action("proposal.read"))
    async def read_proposal(pair: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """A proposal, as far as the caller may know of it."""
        version, known = await call.load(pair_stream(pair))
        proposed, role = await _side(edge, call, known)
        return call.reply(Answer(_body(proposed, known, role), version=version))

    @router.post("/v1/proposals/{pair}/answer", **edge.action("proposal.answer"))
    async def answer_proposal(
        pair: UUID, given: AnswerGiven, call: Annotated[Call, Depends(edge.call)], expected: IfMatch
    ) -> Response:
        """Accept or decline. A mentee's yes makes the pair."""
        _, known = await call.load(pair_stream(pair))
        _, role = await _side(edge, call, known)
        if role is None:
            raise NotFound
        command = commands.answer(
            pair,
            role,
            given.answer,
            given.reason or None,
            now=call.now,
            actor=call.caller.subject,
            expected=expected,
        )
        return await call.execute(
            command,
            lambda outcome: Answer({"pair": pair, "state": _after(known, outcome)}, version=outcome.versions[pair]),
        )

    return router


async def _side(edge: Edge, call: Call, known: Pair) -> tuple[PairProposed, Role | None]:
    """The proposal, and the caller's side of it; None for who only coordinates it. Raises NotFound.

    Somebody's own proposal shows them no more than it shows the other side, whatever else they may do.
    """
    proposed = known.proposed
    if proposed is None:
        raise NotFound
    sides = {proposed.mentor: Role.MENTOR, proposed.mentee: Role.MENTEE}
    async with edge.read() as conn:
        relations = await membership.relations(conn, call.caller, program=proposed.program, participants=sides)
        call.permit(relations)
        if Relation.SELF not in relations:
            return proposed, None
        mine = {member.participant for member in await membership.participants_of(conn, call.caller.subject)}
    role = next((role for participant, role in sides.items() if participant in mine), None)
    if role is None or not known.visible_to(role):
        raise NotFound
    return proposed, role


def _body(proposed: PairProposed, known: Pair, role: Role | None) -> dict[str, Any]:
    body = {
        "pair": proposed.pair,
        "program": proposed.program,
        "round": proposed.round,
        "mentor": proposed.mentor,
        "mentee": proposed.mentee,
        "state": known.state if role is None else _shown(known, role),
        "explanation": explanation_text(proposed.explanation),
    }
    return body | {"reason": known.reason} if role is None else body | {"role": role}


def _shown(known: Pair, role: Role) -> State:
    """What one side may know: that the other declined looks like any other end of a proposal."""
    declined_by = Role.MENTEE if known.mentor_accepted else Role.MENTOR
    if known.state is State.DECLINED and role is not declined_by:
        return State.CLOSED
    return known.state


def _after(known: Pair, outcome: Outcome) -> State:
    for stream_id, event in outcome.events:
        if known.proposed is not None and stream_id == known.proposed.pair:
            known = evolve(known, event)
    return known.state
