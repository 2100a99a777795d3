"""Metering's HTTP edge: one command, and an endpoint behind the same edge that does nothing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.services import commands
from events.runtime.http import Answer, Call, Edge

ACTION = "me.read"
"""A row of the authorization table that any valid token satisfies: what is measured is the edge, not a rule."""


class Reading(BaseModel):
    """What was read."""

    model_config = ConfigDict(extra="forbid")

    unit: Annotated[str, Field(max_length=60)]
    note: Annotated[str, Field(max_length=200)]


def routes(edge: Edge) -> APIRouter:
    """Both endpoints."""
    router = APIRouter()

    @router.post("/v1/meters/{meter}/readings", **edge.action(ACTION))
    async def read(meter: UUID, reading: Reading, call: Annotated[Call, Depends(edge.call)]) -> Response:
        return await call.execute(
            commands.take_reading(meter, reading.unit, reading.note, now=call.now, actor=call.caller.subject),
            lambda outcome: Answer({"meter": str(meter)}, status=201, version=outcome.versions[meter]),
        )

    @router.post("/v1/nothing", **edge.action(ACTION))
    async def nothing(call: Annotated[Call, Depends(edge.call)]) -> Response:
        return call.reply(Answer({}))

    return router
