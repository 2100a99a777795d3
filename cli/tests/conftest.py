"""Data folders for platforms, and platforms that a test plays; no test leaves a process behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest

from viceversa.platform.description import Description, Running
from viceversa.platform.leftovers import stop_leftovers

Respond: TypeAlias = Callable[[str, str, str, dict[str, list[str]]], tuple[int, Any]]
"""Service, method, path and query → status and body."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder of this test's own."""
    with _data_folder() as path:
        yield path


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """A data folder of a module's one platform."""
    with _data_folder() as path:
        yield path


@pytest.fixture(scope="session")
def stand_ins() -> dict[str, tuple[str, ...]]:
    """Two services that answer 200 on every path with the environment they were given."""
    service = Path(__file__).with_name("stand_in_service.py")
    return {name: (sys.executable, "-P", str(service), name) for name in ("enrollment", "matching")}


@pytest.fixture
def start() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts Python programs in sessions of their own, as the platform does."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def _data_folder() -> Iterator[Path]:
    # Not below pytest's own folder: that one is closed to the account that PostgreSQL needs when root runs the tests.
    outer = Path(tempfile.mkdtemp(prefix="viceversa-platform-")).resolve()
    try:
        yield outer / "data"
    finally:
        stop_leftovers(outer / "data" / "processes.json")
        shutil.rmtree(outer, ignore_errors=True)


@dataclass
class Operated:
    """Answers `respond(service, method, path, query)` with a status and a body; keeps who asked for what."""

    url: str
    respond: Respond
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path, and the Authorization header."""

    def describe(self, folder: Path, *services: str, state: str = "running") -> Path:
        """Write the `platform.json` of a platform that has these services."""
        folder.mkdir(exist_ok=True)
        Description(
            state=state,
            broker="local broker",
            supervisor=None,
            services={name: Running(url=f"{self.url}/{name}", pid=None) for name in services},
            kafka=None,
            log_epoch="",
            databases={},
            redis="",
            identity_provider=f"{self.url}/identity",
            logs=folder,
            spans=folder,
        ).write(folder / "platform.json")
        return folder


@pytest.fixture
def operated() -> Callable[[Respond], AbstractContextManager[Operated]]:
    """An identity provider and services, in one HTTP server, that a test plays."""
    return _operated


@contextmanager
def _operated(respond: Respond) -> Iterator[Operated]:
    platform: Operated

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            split = urlsplit(self.path)
            service, _, rest = split.path.lstrip("/").partition("/")
            platform.requests.append((self.command, split.path, self.headers.get("authorization")))
            if service == "identity":
                person = json.loads(content)
                status, body = 200, {"token": f"badge {person['roles']}"}
            elif rest == "v1/token":
                status, body = 200, {"access_token": f"pass for {parse_qs(content.decode())['subject_token'][0]}"}
                body["expires_in"] = 600
            elif rest == "openapi.json":
                status, body = 200, {"info": {"title": service}}
            else:
                status, body = platform.respond(service, self.command, f"/{rest}", parse_qs(split.query))
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    platform = Operated(f"http://127.0.0.1:{server.server_port}", respond)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
