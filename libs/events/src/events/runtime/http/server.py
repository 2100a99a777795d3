"""The HTTP server of one process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp


@asynccontextmanager
async def listening(application: ASGIApp, host: str, port: int, *, requests_may_take: int) -> AsyncIterator[None]:
    """Serve; in the end take no more requests, and give those in hand so many seconds."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=requests_may_take,
        lifespan="off",
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the process stops its roles in order."""

    @contextmanager
    def capture_signals(self) -> Any:  # noqa: ANN401 - uvicorn's generator type is private
        yield
