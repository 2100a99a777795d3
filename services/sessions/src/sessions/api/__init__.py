"""Over HTTP: a pair's agreement and sessions, for the pair alone; a program's counts, for who runs it."""

from fastapi import APIRouter

from events.runtime.http import Edge
from sessions.api import engagement, overview


def routes(edge: Edge) -> APIRouter:
    """All routes of sessions."""
    router = APIRouter()
    router.include_router(engagement.routes(edge))
    router.include_router(overview.routes(edge))
    return router
