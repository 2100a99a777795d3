"""Over HTTP: the pool, rounds, proposals and pairs, and what there is to do."""

from concurrent.futures import Executor

from fastapi import APIRouter

from events.runtime.http import Edge
from matching.api import pairs, proposals, rounds, todo


def routes(edge: Edge, *, solver: Executor) -> APIRouter:
    """All routes of matching. Rounds are solved in `solver`, off the event loop."""
    router = APIRouter()
    router.include_router(rounds.routes(edge, solver))
    router.include_router(proposals.routes(edge))
    router.include_router(pairs.routes(edge))
    router.include_router(todo.routes(edge))
    return router
