"""What an operator does about a service's projections: look, make one again, verify one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.runtime import cursors, dead_letters, rebuilds, store
from events.runtime.http.answers import Answer
from events.runtime.http.edge import Call, Edge
from events.runtime.inbox import Inbox
from events.runtime.projecting import Projection, StoreProjection
from events.runtime.rebuilds import Purpose, Run
from events.runtime.refusals import Refusal

_Name = Annotated[str, Path(max_length=100)]


class NoSuchProjection(Refusal):
    """The service has none of that name."""

    slug: ClassVar[str] = "no-such-projection"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "There is no such projection"


def projection_routes(edge: Edge, projections: Sequence[Projection], pool: AsyncEngine) -> APIRouter:
    """Routes over a service's projections; wishes are written on `pool`."""
    router = APIRouter()
    by_name = {projection.name: projection for projection in projections}

    async def wish(name: str, purpose: Purpose, call: Call) -> Response:
        call.permit(call.caller.roles)
        if name not in by_name:
            raise NoSuchProjection
        async with pool.begin() as conn:
            await rebuilds.wish(conn, name, purpose, call.caller.subject)
        return call.reply(
            Answer({"projection": name, "purpose": purpose, "phase": "waiting"}, 202, location="/v1/projections")
        )

    @router.get("/v1/projections", **edge.action("projections.list"))
    async def listed(call: Annotated[Call, Depends(edge.call)]) -> Response:
        call.permit(call.caller.roles)
        async with edge.read() as conn:
            runs = await rebuilds.runs(conn)
            items = [await _shown(conn, by_name[name], runs.get(name)) for name in sorted(by_name)]
        return call.reply(Answer({"items": items}))

    @router.post("/v1/projections/{projection}/rebuild", **edge.action("projection.rebuild"))
    async def rebuild(projection: _Name, call: Annotated[Call, Depends(edge.call)]) -> Response:
        return await wish(projection, Purpose.REBUILD, call)

    @router.post("/v1/projections/{projection}/verify", **edge.action("projection.verify"))
    async def verify(projection: _Name, call: Annotated[Call, Depends(edge.call)]) -> Response:
        return await wish(projection, Purpose.VERIFY, call)

    return router


async def _shown(conn: AsyncConnection, projection: Projection, run: Run | None) -> Mapping[str, Any]:
    behind, seconds = await _behind(conn, projection)
    return {
        "projection": projection.name,
        "source": "store" if isinstance(projection, StoreProjection) else "inbox",
        "tables": [table.name for table in projection.tables],
        "events_behind": behind,
        "seconds_behind": seconds,
        "last_run": None if run is None else _run(run),
    }


async def _behind(conn: AsyncConnection, projection: Projection) -> tuple[int, float | None]:
    """Events that the tables do not show yet: of the log; or of the consumer those that wait, and dead letters."""
    if isinstance(projection, StoreProjection):
        position = await cursors.peek(conn, projection.cursor)
        return (await store.backlog(conn, position))[0], await store.age(conn, position)
    dead = await dead_letters.counted(conn)
    return dead.get(projection.name, 0) + await Inbox(projection.name).waiting(conn), None


def _run(run: Run) -> Mapping[str, Any]:
    done = run.purpose is Purpose.VERIFY and run.phase == "done"
    return {
        "purpose": run.purpose,
        "phase": run.phase,
        "events_done": run.events_done,
        "events_total": run.events_total,
        "events_per_second": round(run.events_per_second(datetime.now(UTC))),
        "requested_at": run.requested_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "failure": run.failure,
        "equal": not run.differences if done else None,
        "differences": run.differences,
    }
