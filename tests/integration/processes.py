"""The four services as processes of their own, on given servers: started, killed and started again as a test asks."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import asyncpg
import httpx
from sqlalchemy.engine import make_url

from integration.servers import Kind, Servers
from viceversa.platform.keys import Keys
from viceversa.platform.ports import Ports
from viceversa.platform.services import PYTHON, SERVICES, service_environment
from viceversa.platform.topics import create_topics

ROOT = Path(__file__).resolve().parents[2]
_DATABASES = ROOT / "deploy" / "postgres" / "databases.sql"
_TO_START, _TO_STOP = 180.0, 60.0


@dataclass
class Program:
    """One process, started as often as a test likes. Its log goes on in one file."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    url: str
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    changed: bool = False
    """Whether it runs with an environment that is not its own."""

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, **changed: str) -> "Program":
        """Start it, with these variables changed, and do not wait."""
        self.changed = bool(changed)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment, **changed},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def ready(self) -> "Program":
        """Wait until it says that it can work."""
        deadline = time.monotonic() + _TO_START
        while time.monotonic() < deadline:
            if not self.runs:
                break
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).is_success:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{self.name} did not become ready; the end of its log:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """What a power cut does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """What a machine does that swaps, or is moved: nothing runs, and no socket closes."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def says(self, *events: str) -> list[str]:
        """Which of these events its log tells, in order."""
        whole_lines, _, _ = self.log.read_text().rpartition("\n")
        told = [line["event"] for line in map(json.loads, whole_lines.splitlines())]
        return [event for event in told if event in events]

    def stop(self) -> None:
        """What an operator does."""
        # uvicorn alone ends by the signal it was sent, once it has shut down in order.
        assert self._end(signal.SIGTERM) in (0, -signal.SIGTERM, None), self.log.read_text()[-3000:]

    def _end(self, number: signal.Signals) -> int | None:
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(number)
        try:
            return process.wait(_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@dataclass
class Platform:
    """Services, identity provider and servers that belong together."""

    servers: Servers
    folder: Path
    databases: Mapping[str, str]
    services: Mapping[str, Program]
    identity_provider: str
    log_epoch: str
    _ports: Ports
    _others: list[Program] = field(default_factory=list)

    @property
    def spans(self) -> Path:
        return self.folder / "spans"

    @property
    def relay_cursor(self) -> str:
        """What a relay calls its place in the log."""
        return f"relay {self.log_epoch}".strip()

    @property
    def urls(self) -> dict[str, str]:
        return {name: service.url for name, service in self.services.items()}

    @property
    def logs(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))

    def another(self, name: str, roles: str, *command: str) -> Program:
        """A further process of a service, for the named roles alone; not started yet."""
        service = self.services[name]
        port = str(self._ports.choose(None))
        label = f"{name}-{roles}-{port}"
        other = Program(
            label,
            command or service.command,
            {**service.environment, "ROLES": roles, "PORT": port, "SPANS_FILE": str(self.spans / f"{label}.jsonl")},
            f"http://127.0.0.1:{port}",
            self.folder / f"{label}.log",
        )
        self._others.append(other)
        return other

    def mend(self) -> None:
        """Start each service that does not run as it should, and end every further process."""
        self.end_others()
        down = [service for service in self.services.values() if service.changed or not service.runs]
        for service in down:
            service.kill()
            service.start()
        for service in down:
            service.ready()

    def end_others(self) -> None:
        """End every further process."""
        while self._others:
            self._others.pop().kill()

    def describe(self) -> Path:
        """`platform.json`, as `viceversa demo --platform` reads it."""
        description = {
            "state": "running",
            "broker": "local broker" if self.servers.kind is Kind.LOCAL else "kafka",
            "services": {
                name: {"url": service.url, "pid": service.process.pid if service.process else None}
                for name, service in self.services.items()
            },
            "kafka": self.servers.kafka,
            "identity_provider": self.identity_provider,
            "spans": str(self.spans),
        }
        file = self.folder / "platform.json"
        file.write_text(json.dumps(description))
        return file


@contextmanager
def running_platform(
    servers: Servers,
    folder: Path,
    *,
    routed: Callable[[str, str], str] = lambda _, url: url,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Platform]:
    """Provide databases and topics, start everything, wait until it is ready; stop it in the end.

    `routed` answers the URL by which a service (its name) reaches its database, given the database's own; `environment`
    is the services' beside their own.
    """
    ports, keys_folder = Ports(), folder / "keys"
    for part in (keys_folder, folder / "spans"):
        part.mkdir(parents=True)
    keys = Keys(keys_folder, data_exists=False)
    urls = {name: f"http://127.0.0.1:{ports.choose(None)}" for name in (*SERVICES, "identity-provider")}
    identity_provider = urls.pop("identity-provider")
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        database_urls = runner.run(_provide_databases(servers.postgres))
        if servers.kind is not Kind.LOCAL:
            runner.run(create_topics(servers.kafka, replication_factor=min(servers.brokers, 3)))
    log_epoch = uuid4().hex if servers.kind is Kind.LOCAL else ""
    provider = Program(
        "identity-provider",
        (*PYTHON, "viceversa.identity_provider"),
        {
            "ENVIRONMENT": "local",
            "PORT": identity_provider.rpartition(":")[2],
            "ISSUER": identity_provider,
            "SIGNING_KEY_FILE": str(keys.identity_provider()),
        },
        identity_provider,
        folder / "identity-provider.log",
    )
    services = {
        name: Program(
            name,
            tuple(command),
            service_environment(
                name,
                urls=urls,
                identity_provider=identity_provider,
                database=routed(name, database_urls[name]),
                kafka=servers.kafka,
                redis=servers.redis,
                log_epoch=log_epoch,
                spans=folder / "spans" / f"{name}.jsonl",
                keys=keys,
            )
            | environment,
            urls[name],
            folder / f"{name}.log",
        )
        for name, command in SERVICES.items()
    }
    programs = [provider, *services.values()]
    with ExitStack() as stack:
        for program in programs:
            stack.callback(program.stop)
            program.start()
        for program in programs:
            program.ready()
        platform = Platform(servers, folder, database_urls, services, identity_provider, log_epoch, ports)
        stack.callback(platform.end_others)
        yield platform


async def _provide_databases(superuser: str) -> dict[str, str]:
    """Databases and roles as deployed."""
    connection = await asyncpg.connect(superuser)
    try:
        # One by one: CREATE DATABASE cannot be part of a larger statement.
        for statement in _DATABASES.read_text().split(";\n"):
            if statement.strip():
                await connection.execute(statement)
    finally:
        await connection.close()
    url = make_url(superuser)
    return {
        name: url.set(username=name, password=name, database=name).render_as_string(hide_password=False)
        for name in SERVICES
    }
