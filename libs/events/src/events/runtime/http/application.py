"""The FastAPI application of one service: its routes, and those that every service has."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.types import ASGIApp

from events.contracts.registry import event_type
from events.runtime.clock import TurnableClock
from events.runtime.http import problems
from events.runtime.http.answers import Answer
from events.runtime.http.edge import Call, Edge
from events.runtime.http.middleware import ServerSpans, TooLargeIsAProblem
from events.runtime.refusals import NotFound

_LARGEST_BODY = 1_048_576
"""Bytes of a request, where its action does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Health:
    """What orchestrators ask."""

    readiness: Callable[[], Awaitable[dict[str, Any]]]
    """What is not ready (empty when all is), and what stands still."""
    stands_still: Callable[[], Mapping[str, float]] = dict
    """What does not get on although a restart may mend it, and for how many seconds."""


class Turn(BaseModel):
    """A time to show."""

    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime


class _Application(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        # Starlette's limit on bodies and its answer to what broke stand outside all middleware that can be added.
        return ServerSpans(TooLargeIsAProblem(super().build_middleware_stack()))


def create_application(
    name: str, edge: Edge, routes: Callable[[Edge], APIRouter], health: Health, turned: Callable[[], None]
) -> FastAPI:
    """The application. Raises RouteWithoutRow."""
    app = _Application(
        title=name,
        version="1",
        docs_url=None,
        redoc_url=None,
        max_body_size=_LARGEST_BODY,
        # Its own spans carry the path, and a path may say whose answer it was; `ServerSpans` names the route instead.
        telemetry={"tracing": False, "logs": False},
    )
    problems.install(app)
    app.include_router(routes(edge))
    app.include_router(_common(edge, health, turned))
    edge.check(app)
    return app


def _common(edge: Edge, health: Health, turned: Callable[[], None]) -> APIRouter:
    router = APIRouter()

    @router.get("/livez", **edge.action("health.live"))
    async def live() -> Response:
        still = health.stands_still()
        found = {"status": "stuck" if still else "alive", "stands_still": {what: round(s) for what, s in still.items()}}
        return Answer(found, status=503 if still else 200).response()

    @router.get("/readyz", **edge.action("health.ready"))
    async def ready() -> Response:
        found = await health.readiness()
        return Answer(found, status=200 if found["ready"] else 503).response()

    @router.get("/v1/schemas/{name}", **edge.action("schema.read"))
    async def schema(name: Annotated[str, Path(max_length=200)]) -> Response:
        contract = event_type(name)
        if contract is None:
            raise NotFound
        return Answer(contract.model_json_schema()).response()

    @router.get("/v1/clock", **edge.action("clock.read"))
    async def read_clock(call: Annotated[Call, Depends(edge.call)]) -> Response:
        return call.reply(Answer({"now": call.now}))

    @router.put("/v1/clock", **edge.action("clock.turn"))
    async def turn_clock(turn: Turn, call: Annotated[Call, Depends(edge.call)]) -> Response:
        call.permit(call.caller.roles)
        if not isinstance(edge.clock, TurnableClock):
            raise NotFound
        await edge.clock.turn(turn.now)
        turned()
        return call.reply(Answer({"now": call.now}))

    return router
