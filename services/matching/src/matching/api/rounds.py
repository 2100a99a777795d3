"""The pool of a program and its rounds: run, read, publish, discard."""

import asyncio
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from events import membership
from events.contracts.authorization import Relation
from events.runtime.deciding import fold
from events.runtime.http import Answer, Call, Edge, IfMatch
from events.runtime.refusals import NotFound, Refusal
from events.runtime.streams import Command, Outcome
from matching import commands, queries
from matching.domain.candidate import Candidate, candidate_stream
from matching.domain.program import RoundInWork, check_may_run, program_stream
from matching.domain.round import Proposal, Round, RoundDrafted, RoundPolicy, State, Unmatched, round_stream
from matching.drafting import make_draft
from matching.wording import explanation_text, why_not_reasons

_PAGE = 500
"""Candidates folded at once; between pages, others get their turn."""


class OtherRegionsToo(Refusal):
    """The draft proposes or leaves out people of regions that the caller does not coordinate."""

    slug, status, title = "other-regions-too", 403, "Who coordinates all regions of this draft decides on it"


class RoundRequest(BaseModel):
    """Body of a round: how it decides."""

    model_config = ConfigDict(extra="forbid")

    policy: RoundPolicy = RoundPolicy()


def routes(edge: Edge, solver: Executor) -> APIRouter:
    """Routes of pool and rounds."""
    router = APIRouter()
    solving: set[UUID] = set()

    @router.get("/v1/programs/{program}/pool", **edge.action("pool.read"))
    async def read_pool(program: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Active candidates, counted."""
        async with edge.read() as conn:
            call.permit(await membership.relations(conn, call.caller, program=program))
            found = await queries.pool(conn, program)
        return call.reply(Answer(found._asdict()))

    @router.post("/v1/programs/{program}/rounds", status_code=201, **edge.action("round.run"))
    async def run_round(program: UUID, request: RoundRequest, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """Solve a round over everybody who has a free place, and keep it as a draft."""
        async with edge.read() as conn:
            call.permit(await membership.relations(conn, call.caller, program=program))
        # Before anything else is looked at: the first request's own draft would be in the way.
        if (before := await call.repeated()) is not None:
            return before
        policy = request.policy
        _, known = await call.load(program_stream(program))
        check_may_run(known, {name for pair in policy.regions_may_meet or () for name in pair})
        if program in solving:
            raise RoundInWork("A round of this program is being solved")
        solving.add(program)
        try:
            pool = await _pool(edge, program)
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(solver, make_draft, pool, policy, call.now.date())
        finally:
            solving.discard(program)
        round_id = uuid4()
        return await call.execute(
            commands.draft(round_id, program, made, now=call.now, actor=call.caller.subject),
            lambda outcome: Answer(
                _summary(_drafted_in(outcome), State.DRAFT),
                status=201,
                version=outcome.versions[round_id],
                location=f"/v1/rounds/{round_id}",
            ),
        )

    @router.get("/v1/rounds/{round}", **edge.action("round.read"))
    async def read_round(round: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """A round with the reasons for each proposal, and why others were left out."""
        version, known = await call.load(round_stream(round))
        drafted, regions = await _visible(edge, call, known)
        # Whoever takes part learns of their own proposal where every participant does, and no sooner.
        async with edge.read() as conn:
            own = {member.participant for member in await membership.participants_of(conn, call.caller.subject)}
        body = _summary(drafted, known.state) | {
            "on": drafted.on,
            "policy": drafted.policy,
            "proposals": [
                _proposal(each)
                for each in known.proposals.values()
                if (regions is None or {each.mentor_region, each.mentee_region} & regions)
                and own.isdisjoint((each.mentor, each.mentee))
            ],
            "left_out": len(known.unmatched),
            "unmatched": [
                _unmatched(each, drafted.policy)
                for each in known.unmatched
                if (regions is None or each.region in regions) and each.participant not in own
            ],
        }
        return call.reply(Answer(body, version=version))

    @router.post("/v1/rounds/{round}/publish", **edge.action("round.publish"))
    async def publish_round(round: UUID, call: Annotated[Call, Depends(edge.call)], expected: IfMatch) -> Response:
        """Send the draft's proposals out to the mentors."""
        _, known = await call.load(round_stream(round))
        drafted = await _decidable(edge, call, known)
        subject = call.caller.subject
        answer = await call.execute(
            commands.publish(round, program_id=drafted.program, now=call.now, actor=subject, expected=expected),
            lambda outcome: Answer(_summary(drafted, State.PUBLISHED), version=outcome.versions[round]),
        )
        # In this request's trace. Whatever a crash leaves undone here, the clock does from the round's stream.
        await edge.commands.execute_all(_follow_up(known, drafted, call))
        return answer

    @router.post("/v1/rounds/{round}/discard", **edge.action("round.discard"))
    async def discard_round(round: UUID, call: Annotated[Call, Depends(edge.call)], expected: IfMatch) -> Response:
        """Make nothing of the draft."""
        _, known = await call.load(round_stream(round))
        drafted = await _decidable(edge, call, known)
        return await call.execute(
            commands.discard(
                round, program_id=drafted.program, now=call.now, actor=call.caller.subject, expected=expected
            ),
            lambda outcome: Answer(_summary(drafted, State.DISCARDED), version=outcome.versions[round]),
        )

    return router


async def _pool(edge: Edge, program: UUID) -> dict[UUID, Candidate]:
    """Everybody of a program as they stand now."""
    async with edge.read() as conn:
        participants = await queries.participants(conn, program)
        pool: dict[UUID, Candidate] = {}
        for start in range(0, len(participants), _PAGE):
            page = [candidate_stream(participant) for participant in participants[start : start + _PAGE]]
            streams = await fold(conn, edge.codec, page)
            pool |= {stream.id: streams[stream] for stream in page}
    return pool


async def _visible(edge: Edge, call: Call, known: Round) -> tuple[RoundDrafted, AbstractSet[str] | None]:
    """The round, and the regions of it that the caller may see (None: all). Raises NotFound."""
    drafted = known.drafted
    if drafted is None:
        raise NotFound
    async with edge.read() as conn:
        relations = await membership.relations(conn, call.caller, program=drafted.program)
        call.permit(relations)
        if Relation.ADMINISTRATOR in relations:
            return drafted, None
        return drafted, await membership.coordinated_regions(conn, call.caller.subject, drafted.program)


async def _decidable(edge: Edge, call: Call, known: Round) -> RoundDrafted:
    """The round, for who may decide on all of it. Raises NotFound, OtherRegionsToo."""
    drafted, regions = await _visible(edge, call, known)
    if regions is not None and not known.regions <= regions:
        raise OtherRegionsToo
    return drafted


def _follow_up(known: Round, drafted: RoundDrafted, call: Call) -> list[Command]:
    """What a publication owes: a command a proposal, and one a person who is left out."""
    now, subject = call.now, call.caller.subject
    return [
        *(
            commands.propose(drafted.round, each.pair, each.mentor, each.mentee, now=now, actor=subject)
            for each in known.proposals.values()
        ),
        *(commands.miss(drafted.round, each.participant, now=now) for each in known.unmatched),
    ]


def _drafted_in(outcome: Outcome) -> RoundDrafted:
    return next(event for _, event in outcome.events if isinstance(event, RoundDrafted))


def _summary(drafted: RoundDrafted, state: State) -> dict[str, Any]:
    return {
        "round": drafted.round,
        "program": drafted.program,
        "number": drafted.number,
        "state": state,
        **drafted.figures.model_dump(),
    }


def _proposal(proposal: Proposal) -> dict[str, Any]:
    return {
        "pair": proposal.pair,
        "mentor": proposal.mentor,
        "mentee": proposal.mentee,
        "score": proposal.score,
        "contributions": proposal.contributions,
        "explanation": explanation_text(proposal.explanation),
    }


def _unmatched(unmatched: Unmatched, policy: RoundPolicy) -> dict[str, Any]:
    return {
        "participant": unmatched.participant,
        "role": unmatched.role,
        "reasons": why_not_reasons(unmatched, policy),
    }
