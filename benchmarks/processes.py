"""A measured service as a process of its own, with the environment that every service has."""

import base64
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.identity import AUDIENCE, ISSUER, Issuer
from benchmarks.servers import Servers, free_port

READY_SECONDS = 60


class NeverReady(RuntimeError):
    """A service ended, or did not say that it is ready. The message has its log."""


@contextmanager
def running(name: str, roles: str, servers: Servers, database_url: str, issuer: Issuer) -> Iterator[str]:
    """Run a service until the block ends; gives its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        key, log = Path(folder, "key"), Path(folder, "log")
        key.write_text(base64.b64encode(bytes(32)).decode())
        environment = os.environ | {
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": servers.kafka,
            "REDIS_URL": servers.redis,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "ROLES": roles,
            "ENVIRONMENT": "local",
            "KEY_ENCRYPTION_KEY_FILE": str(key),
            "TOKEN_ISSUER": ISSUER,
            "TOKEN_AUDIENCE": AUDIENCE,
            "TOKEN_JWKS_URL": issuer.jwks_url,
        }
        command = [sys.executable, "-m", "benchmarks.services.main", name]
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            _await_ready(process, f"http://127.0.0.1:{port}/readyz", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _await_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NeverReady(log.read_text()[-3000:]) from error
            time.sleep(0.1)
