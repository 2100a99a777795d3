"""The servers that integration tests run on: containers, else Kafka's jars, else the local broker."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import asyncpg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

import kafka_node
from events.testing.postgres import embedded_server
from viceversa.platform.announcement import announced
from viceversa.platform.ports import Ports

# The reaper of testcontainers is an image of its own; each test run stops what it started.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

T = TypeVar("T")

KAFKA, POSTGRES, REDIS = "apache/kafka:4.3.1", "postgres:17", "redis:8"
PARTITIONS = 4


class Kind(StrEnum):
    CONTAINERS = "containers"
    JARS = "jars"
    LOCAL = "local broker"


@dataclass(frozen=True)
class Choice:
    kind: Kind
    reason: str

    @property
    def line(self) -> str:
        servers = {
            Kind.CONTAINERS: f"real Kafka, PostgreSQL and Redis in containers ({KAFKA}, {POSTGRES}, {REDIS})",
            Kind.JARS: "real Kafka from its jars, embedded PostgreSQL, fakeredis",
            Kind.LOCAL: "NO real Kafka: the local broker (a mock), embedded PostgreSQL, fakeredis",
        }[self.kind]
        return f"integration tests run on {servers}{f' - {self.reason}' if self.reason else ''}"


@dataclass(frozen=True)
class Servers:
    kind: Kind
    kafka: str
    postgres: str
    """URL of a superuser."""
    redis: str
    restart_kafka: Callable[[], None] | None = None
    """Kills the broker and starts it again on its log; None where there is no such broker."""
    brokers: int = 1
    """Of Kafka; `kafka` names them all."""


def choose() -> Choice:
    """The best that this machine offers. INTEGRATION_SERVERS names one outright."""
    wished = os.environ.get("INTEGRATION_SERVERS")
    if wished:
        return Choice(Kind(wished), "as INTEGRATION_SERVERS says")
    no_containers = _why_no_containers()
    if no_containers is None:
        return Choice(Kind.CONTAINERS, "")
    no_jars = kafka_node.why_not()
    if no_jars is None:
        try:
            kafka_node.fetch_jars()
        except kafka_node.KafkaUnavailable as failure:
            no_jars = str(failure)
    if no_jars is None:
        return Choice(Kind.JARS, no_containers)
    return Choice(Kind.LOCAL, f"{no_containers}; {no_jars}")


def _why_no_containers() -> str | None:
    import docker  # noqa: PLC0415 - slow to import, and of no use to the workers

    try:
        engine = docker.from_env()
        engine.ping()
    except docker.errors.DockerException:
        return "no Docker engine answers"
    for image in (KAFKA, POSTGRES, REDIS):
        try:
            engine.images.get(image)
        except docker.errors.ImageNotFound:
            try:
                engine.images.pull(image)
            except docker.errors.APIError as failure:
                return f"Docker cannot get {image}: {failure.explanation}"
    return None


@contextmanager
def running(kind: Kind) -> Iterator[Servers]:
    """Start the servers, all at once; stop them in the end."""
    with ExitStack() as stack:
        if kind is Kind.CONTAINERS:
            yield Servers(kind, *_start_containers(stack))
            return
        postgres, redis = stack.enter_context(embedded_server()), stack.enter_context(fake_redis())
        if kind is Kind.LOCAL:
            yield Servers(kind, stack.enter_context(local_broker()), postgres, redis)
            return
        node = stack.enter_context(kafka_node.running_node(partitions=PARTITIONS))

        def restart_kafka() -> None:
            node.kill()
            node.start()

        yield Servers(kind, node.address, postgres, redis, restart_kafka)


def _start_containers(stack: ExitStack) -> tuple[str, str, str, Callable[[], None]]:
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only where there is an engine

    port = Ports().choose(None)
    kafka = DockerContainer(KAFKA).with_bind_ports(9092, port)
    for name, value in kafka_settings(f"localhost:{port}").items():
        kafka.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
    kafka.with_env("KAFKA_HEAP_OPTS", "-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1")
    postgres = (
        DockerContainer(POSTGRES)
        .with_exposed_ports(5432)
        .with_env("POSTGRES_PASSWORD", "test")
        .with_command("postgres -c fsync=off -c full_page_writes=off -c max_connections=300")
    )
    redis = DockerContainer(REDIS).with_exposed_ports(6379)
    for container in (kafka, postgres, redis):
        stack.enter_context(container)
    host = postgres.get_container_host_ip()
    postgres_url = f"postgresql://postgres:test@{host}:{postgres.get_exposed_port(5432)}/postgres"
    until_it_answers("PostgreSQL", lambda: connect(postgres_url))
    until_it_answers("Kafka", lambda: list_topics(f"localhost:{port}"))

    def restart_kafka() -> None:
        container = kafka.get_wrapped_container()
        container.kill()
        container.wait()
        container.start()
        until_it_answers("Kafka", lambda: list_topics(f"localhost:{port}"))

    return f"localhost:{port}", postgres_url, f"redis://{host}:{redis.get_exposed_port(6379)}", restart_kafka


def kafka_settings(advertised: str) -> dict[str, str]:
    """Settings of a node in a container that clients reach at this address."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": "1@localhost:9093",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        **kafka_node.server_settings(partitions=PARTITIONS),
    }


@contextmanager
def local_broker() -> Iterator[str]:
    """The broker of the local platform, as the process that `viceversa up` runs."""
    with TemporaryDirectory(prefix="viceversa-broker-") as folder:
        address_file = Path(folder, "address.json")
        process = subprocess.Popen(
            [sys.executable, "-m", "viceversa.platform.broker", "--address-file", str(address_file)],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield until_it_answers("the local broker", lambda: _said(announced(address_file, process.pid)))
        finally:
            process.terminate()
            process.wait(timeout=10)


@contextmanager
def fake_redis() -> Iterator[str]:
    """The Redis of the local platform."""
    port = Ports().choose(None)
    process = subprocess.Popen([sys.executable, "-m", "viceversa.platform.redis_server", "--port", str(port)])
    try:
        until_it_answers("fakeredis", lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close())
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def until_it_answers(name: str, probe: Callable[[], T], within: float = 60) -> T:
    """Probe a server that is starting until it answers."""
    deadline = time.monotonic() + within
    while True:
        try:
            return probe()
        except (OSError, LookupError, KafkaException, asyncpg.PostgresError) as failure:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} does not answer after {within:g} s") from failure
            time.sleep(0.1)


def _said(address: str | None) -> str:
    if address is None:
        raise LookupError("it has not said yet where it listens")
    return address


def connect(url: str) -> None:
    """Fails while PostgreSQL does not take connections."""

    async def once() -> None:
        connection = await asyncpg.connect(url, timeout=2)
        await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(once())


def list_topics(address: str) -> None:
    """Fails while Kafka does not answer."""
    AdminClient({"bootstrap.servers": address, "log_level": 0}).list_topics(timeout=2)
