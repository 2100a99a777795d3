"""Kafka, PostgreSQL and Redis that can be killed, frozen and started again on the same ports and data.

From jars and wheels they are processes of this machine, with containers they are killed by the engine. PostgreSQL keeps
every commit (`fsync`, `synchronous_commit`); Redis keeps nothing.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from chaos.brokers import make_brokers
from chaos.disks import mounted
from chaos.proxy import Proxy
from integration.servers import (
    KAFKA,
    POSTGRES,
    REDIS,
    Kind,
    Servers,
    connect,
    kafka_settings,
    list_topics,
    local_broker,
)
from integration.servers import until_it_answers as until
from viceversa.platform.account import account_for_postgres
from viceversa.platform.ports import Ports
from viceversa.platform.postgres import Cluster
from viceversa.platform.services import SERVICES

_PASSWORD = "chaos"
_HEAP = "-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"


class Server(Protocol):
    """One server, with its data."""

    @property
    def runs(self) -> bool:
        """Whether it has not ended by itself."""

    def start(self) -> None:
        """Start it, and wait until it answers."""

    def kill(self) -> None:
        """SIGKILL, to it and to all that it started."""

    def freeze(self) -> None:
        """SIGSTOP."""

    def thaw(self) -> None:
        """SIGCONT."""


class Process:
    """A server that runs as a group of processes."""

    def __init__(self, command: Callable[[], list[str]], probe: Callable[[], object], log: Path, **popen: Any) -> None:
        self._command, self._probe, self._log, self._popen = command, probe, log, popen
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._popen
            )
        until(self._log.stem, self._probe)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return


class Container:
    """A server that a container engine runs; its files stay in the container."""

    def __init__(self, container: Any, probe: Callable[[], object]) -> None:
        self._container, self._probe = container, probe

    @property
    def runs(self) -> bool:
        self._container.reload()
        return self._container.status in {"running", "paused"}

    def start(self) -> None:
        self._container.start()
        until(self._container.name, self._probe)

    def kill(self) -> None:
        self._container.kill()
        self._container.wait()

    def freeze(self) -> None:
        self._container.pause()

    def thaw(self) -> None:
        self._container.reload()
        if self._container.status == "paused":
            self._container.unpause()


@dataclass(frozen=True)
class Stand:
    """All servers of a campaign, and the wires from the services to them."""

    kind: Kind
    kafka: Server | None
    """All of its brokers. None for the local broker: killed, it would have forgotten everything."""
    brokers: Sequence[Server]
    """Of which any one may die; none where all of Kafka would die with it."""
    postgres: Server
    redis: Server
    kafka_wires: Sequence[Proxy]
    """To each broker; none to the local one."""
    postgres_wires: dict[str, Proxy]
    """By service."""
    addresses: Servers
    folder: Path
    disks: Mapping[str, Path]
    """Small file systems of their own, by the server (`kafka`, `postgres`) that keeps its data there."""
    no_disks: str
    """Why there are none."""

    def routed(self, service: str, url: str) -> str:
        """The database's URL over the service's own wire."""
        return url.replace(f":{urlsplit(self.addresses.postgres).port}/", f":{self.postgres_wires[service].port}/")


@contextmanager
def standing(kind: Kind, brokers: int = 1) -> Iterator[Stand]:
    """Start the servers and the wires; end them and delete their data. Several brokers run from their jars."""
    folder = Path(tempfile.mkdtemp(prefix="viceversa-chaos-"))
    ports = Ports()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)

        def wire(target: int) -> Proxy:
            proxy = Proxy(target, ports.choose(None))
            stack.callback(proxy.close)
            return proxy

        postgres_port, redis_port = ports.choose(None), ports.choose(None)
        disks, no_disks = mounted(stack, kind, folder)
        if kind is Kind.CONTAINERS:
            postgres, superuser = _postgres_container(stack, postgres_port)
            redis: Server = _redis_container(stack, redis_port)
            redis.start()
        else:
            postgres, superuser = _postgres_process(disks.get("postgres", folder), folder, postgres_port)
            _started(stack, postgres)
            redis = _started(stack, _redis_process(folder, redis_port))
        kafka: Server | None = None
        kafka_wires: list[Proxy] = []
        nodes: Sequence[Server] = ()
        if kind is Kind.LOCAL:
            address = stack.enter_context(local_broker())
        else:
            kafka_ports = [ports.choose(None) for _ in range(brokers)]
            kafka_wires = [wire(port) for port in kafka_ports]
            address = ",".join(f"localhost:{wire.port}" for wire in kafka_wires)
            if kind is Kind.CONTAINERS:
                kafka = _kafka_container(stack, kafka_ports[0], kafka_wires[0].port)
            else:
                advertised = {port: wire.port for port, wire in zip(kafka_ports, kafka_wires, strict=True)}
                made = make_brokers(disks.get("kafka", folder), ports, advertised)
                kafka, nodes = _started(stack, made), made.each if brokers > 1 else ()
        wires = {name: wire(postgres_port) for name in SERVICES}
        addresses = Servers(kind, address, superuser, f"redis://127.0.0.1:{redis_port}", brokers=brokers)
        yield Stand(kind, kafka, nodes, postgres, redis, kafka_wires, wires, addresses, folder, disks, no_disks)


def _started(stack: ExitStack, server: Server) -> Server:
    stack.callback(server.kill)
    stack.callback(server.thaw)
    server.start()
    return server


def _postgres_process(disk: Path, folder: Path, port: int) -> tuple[Server, str]:
    account = account_for_postgres()
    cluster = Cluster(disk / "postgres", port=port, password=_PASSWORD, account=account, services=tuple(SERVICES))
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(cluster.prepare())
    url = cluster.url("postgres", "postgres", _PASSWORD)
    as_account = {"user": account.uid, "group": account.gid, "extra_groups": [], "cwd": "/"} if account else {}
    log = folder / "postgres.log"
    return Process(lambda: list(cluster.command()), lambda: connect(url), log, **as_account), url


def _redis_process(folder: Path, port: int) -> Server:
    command = [sys.executable, "-m", "viceversa.platform.redis_server", "--port", str(port)]
    return Process(lambda: command, lambda: _listens(port), folder / "redis.log")


def _listens(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1).close()


def _container(stack: ExitStack, image: str, inside: int, port: int, **run: Any) -> Any:
    import docker  # noqa: PLC0415 - only where there is an engine

    engine = docker.from_env()
    stack.callback(engine.close)
    container = engine.containers.create(image, ports={f"{inside}/tcp": ("127.0.0.1", port)}, **run)
    stack.callback(container.remove, force=True, v=True)
    return container


def _kafka_container(stack: ExitStack, port: int, advertised: int) -> Server:
    settings = kafka_settings(f"localhost:{advertised}")
    environment = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    environment["KAFKA_HEAP_OPTS"] = _HEAP
    container = _container(stack, KAFKA, 9092, port, environment=environment)
    server = Container(container, lambda: list_topics(f"localhost:{advertised}"))
    server.start()
    return server


def _postgres_container(stack: ExitStack, port: int) -> tuple[Server, str]:
    url = f"postgresql://postgres:{_PASSWORD}@127.0.0.1:{port}/postgres"
    command = "postgres -c max_connections=300"
    environment = {"POSTGRES_PASSWORD": _PASSWORD}
    server = Container(
        _container(stack, POSTGRES, 5432, port, command=command, environment=environment), lambda: connect(url)
    )
    server.start()
    return server, url


def _redis_container(stack: ExitStack, port: int) -> Server:
    return Container(_container(stack, REDIS, 6379, port), lambda: _listens(port))
