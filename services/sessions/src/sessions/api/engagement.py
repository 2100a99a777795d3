"""One engagement, for its two sides: read it, agree, plan, cancel, log."""

from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from events.contracts.authorization import Relation
from events.contracts.kinds import Role
from events.runtime.http import Answer, Call, Edge, IfMatch
from events.runtime.refusals import NotFound
from sessions import commands, queries
from sessions.domain.engagement import ENGAGEMENT, Agreement, AgreementProposed, Engagement

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Goal = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Topic = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Topics = Annotated[tuple[Topic, ...], Field(max_length=20)]
Minutes = Annotated[int, Field(ge=1, le=600)]


class AgreementBody(BaseModel):
    """How the two want to work together. Both promise confidentiality, or there is no agreement."""

    model_config = ConfigDict(extra="forbid")

    goals: Annotated[tuple[Goal, ...], Field(min_length=1, max_length=5)]
    cadence_days: Annotated[int, Field(ge=1, le=366)]
    confidentiality: Literal[True]
    when_it_does_not_work: Text


class Plan(BaseModel):
    """When a session is to be held."""

    model_config = ConfigDict(extra="forbid")

    starts_at: AwareDatetime
    minutes: Minutes


class Cancellation(BaseModel):
    """Why, if the author wants to say. Nobody else reads it."""

    model_config = ConfigDict(extra="forbid")

    reason: Text | None = None


class Taught(BaseModel):
    """Topics by who taught them."""

    model_config = ConfigDict(extra="forbid")

    mentor: Topics = ()
    mentee: Topics = ()


class Log(BaseModel):
    """How a session went."""

    model_config = ConfigDict(extra="forbid")

    held_at: AwareDatetime
    minutes: Minutes
    taught: Taught


class Own(NamedTuple):
    """An engagement as the caller finds it, and which side they are."""

    version: int
    engagement: Engagement
    role: Role


def routes(edge: Edge) -> APIRouter:
    """Routes below one engagement."""
    router = APIRouter()

    async def own(call: Call, pair: UUID) -> Own:
        version, engagement = await call.load(ENGAGEMENT.stream(pair))
        async with edge.read() as conn:
            role = await queries.side(conn, call.caller.subject, engagement.mentor, engagement.mentee)
        if role is None:
            raise NotFound
        call.permit({Relation.SELF})
        return Own(version, engagement, role)

    @router.get("/v1/engagements/{pair}", **edge.action("engagement.read"))
    async def read_engagement(pair: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """One engagement, for its two sides; it does not exist for anybody else."""
        version, engagement, role = await own(call, pair)
        return call.reply(Answer({"pair": pair, "role": role, **_whole(engagement)}, version=version))

    @router.post("/v1/engagements/{pair}/agreement", **edge.action("agreement.propose"))
    async def propose_agreement(
        pair: UUID, body: AgreementBody, call: Annotated[Call, Depends(edge.call)], expected: IfMatch
    ) -> Response:
        """Propose an agreement and sign it, in place of one that the other side has not signed."""
        by = (await own(call, pair)).role
        subject = call.caller.subject
        proposal = AgreementProposed(
            by=by,
            author=subject,
            cadence_days=body.cadence_days,
            goals=body.goals,
            when_it_does_not_work=body.when_it_does_not_work,
        )
        command = commands.propose_agreement(pair, proposal, now=call.now, actor=subject, expected=expected)
        return await call.execute(
            command, lambda outcome: Answer({"pair": pair, "agreement": "proposed"}, version=outcome.versions[pair])
        )

    @router.post("/v1/engagements/{pair}/agreement/sign", **edge.action("agreement.sign"))
    async def sign_agreement(pair: UUID, call: Annotated[Call, Depends(edge.call)], expected: IfMatch) -> Response:
        """Sign what the other side proposed; `If-Match` says which text was read."""
        by = (await own(call, pair)).role
        command = commands.sign_agreement(pair, by=by, now=call.now, actor=call.caller.subject, expected=expected)
        return await call.execute(
            command, lambda outcome: Answer({"pair": pair, "agreement": "signed"}, version=outcome.versions[pair])
        )

    @router.post("/v1/engagements/{pair}/sessions", status_code=201, **edge.action("session.plan"))
    async def plan_session(
        pair: UUID, body: Plan, call: Annotated[Call, Depends(edge.call)], expected: IfMatch
    ) -> Response:
        """Plan a session."""
        await own(call, pair)
        session = uuid4()
        command = commands.plan_session(
            pair,
            session,
            starts_at=body.starts_at,
            minutes=body.minutes,
            now=call.now,
            actor=call.caller.subject,
            expected=expected,
        )
        return await call.execute(
            command,
            lambda outcome: Answer(
                {"session": session, "pair": pair},
                status=201,
                version=outcome.versions[pair],
                location=f"/v1/engagements/{pair}",
            ),
        )

    @router.post("/v1/engagements/{pair}/sessions/{session}/cancel", **edge.action("session.cancel"))
    async def cancel_session(
        pair: UUID,
        session: UUID,
        call: Annotated[Call, Depends(edge.call)],
        expected: IfMatch,
        body: Cancellation | None = None,
    ) -> Response:
        """Call a session off. Who did, and why, is told to nobody."""
        by = (await own(call, pair)).role
        command = commands.cancel_session(
            pair,
            session,
            by=by,
            reason=body.reason if body else None,
            now=call.now,
            actor=call.caller.subject,
            expected=expected,
        )
        return await call.execute(
            command, lambda outcome: Answer({"session": session, "pair": pair}, version=outcome.versions[pair])
        )

    @router.post("/v1/engagements/{pair}/sessions/{session}/log", **edge.action("session.log"))
    async def log_session(
        pair: UUID, session: UUID, body: Log, call: Annotated[Call, Depends(edge.call)], expected: IfMatch
    ) -> Response:
        """Tell how a session went. One side does it for both."""
        await own(call, pair)
        command = commands.log_session(
            pair,
            session,
            held_at=body.held_at,
            minutes=body.minutes,
            taught={Role.MENTOR: body.taught.mentor, Role.MENTEE: body.taught.mentee},
            now=call.now,
            actor=call.caller.subject,
            expected=expected,
        )
        return await call.execute(
            command, lambda outcome: Answer({"session": session, "pair": pair}, version=outcome.versions[pair])
        )

    return router


def _whole(engagement: Engagement) -> dict[str, Any]:
    by_time = sorted(engagement.sessions.items(), key=lambda item: item[1].starts_at)
    return {
        "program": engagement.program,
        "mentor": engagement.mentor,
        "mentee": engagement.mentee,
        "state": state_of(over=engagement.over),
        "agreement": engagement.agreement and _agreement(engagement.agreement),
        "sessions": [
            {
                "session": session_id,
                "starts_at": session.starts_at,
                "minutes": session.minutes,
                "state": session.state,
                "number": session.number,
                "taught": session.taught,
            }
            for session_id, session in by_time
        ],
    }


def _agreement(agreement: Agreement) -> dict[str, Any]:
    return {
        "state": "signed" if agreement.signed_at else "proposed",
        "proposed_by": agreement.proposed_by,
        "goals": agreement.goals,
        "cadence_days": agreement.cadence_days,
        "confidentiality": True,
        "when_it_does_not_work": agreement.when_it_does_not_work,
        "signed_at": agreement.signed_at,
    }


def state_of(*, over: bool) -> str:
    """As both the list and the engagement itself say it."""
    return "ended" if over else "active"
