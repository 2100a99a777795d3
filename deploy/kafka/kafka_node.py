"""Real Kafka brokers from their jars, where there is no Docker: KRaft, each node broker and controller, on localhost.

`python deploy/kafka/kafka_node.py` runs one until Ctrl-C and prints its address. It needs Java 17
and, the first time, Maven.
"""

import argparse
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from viceversa.platform.ports import Ports

HERE = Path(__file__).resolve().parent
JARS = HERE / "libs"
_CLUSTER = "5L6g3nShT-eMCtK--X86sw"
# A node for tests lives for minutes: starting fast matters more to it than running fast.
_JVM = ("-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_LOGGING = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"


class KafkaUnavailable(RuntimeError):
    """No broker can be started here. The message says what is missing or what the broker said last."""


def why_not() -> str | None:
    """What is missing to start a broker on this machine, or None."""
    if shutil.which("java") is None:
        return "no java"
    if not any(JARS.glob("kafka_2.13-*.jar")) and shutil.which("mvn") is None:
        return "no Kafka jars and no mvn to get them"
    return None


def fetch_jars() -> Path:
    """Get the jars of pom.xml with Maven, once."""
    if not any(JARS.glob("kafka_2.13-*.jar")):
        # A folder of its own that is renamed when it is complete: two that fetch at once do not disturb each other.
        with tempfile.TemporaryDirectory(dir=HERE, prefix="libs-") as folder:
            command = ["mvn", "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml")]
            copied = subprocess.run(
                [*command, "dependency:copy-dependencies", f"-DoutputDirectory={folder}/libs"],
                capture_output=True,
                text=True,
                check=False,
            )
            if copied.returncode != 0:
                raise KafkaUnavailable(f"Maven could not get Kafka's jars: {copied.stdout[-500:]}")
            with contextlib.suppress(OSError):
                Path(folder, "libs").rename(JARS)
    return JARS


@dataclass(frozen=True, slots=True)
class Member:
    """A node's place among others: all are brokers, and controllers that vote, so that any one of three may die."""

    number: int
    """From 1."""
    controllers: tuple[int, ...]
    """Ports of all nodes' controllers, by number."""
    between: int
    """Port at which the other brokers reach this one, beside the clients'."""


def members(number: int, free: Ports) -> list[Member]:
    """Of a cluster of so many nodes."""
    controllers = tuple(free.choose(None) for _ in range(number))
    return [Member(each, controllers, free.choose(None)) for each in range(1, number + 1)]


class Node:
    """One broker. Its log stays in its folder, however often it is killed and started again on the same port."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        advertised: int | None = None,
        partitions: int = 4,
        member: Member | None = None,
        megabytes: int = 512,
    ) -> None:
        self.port = port
        self._java = ["java", *_JVM, f"-Xmx{megabytes}m", _LOGGING, "-cp", f"{fetch_jars()}/*"]
        self._log = folder / "log"
        self._properties = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        free = Ports()
        free.choose(port)
        settings = _properties(folder, port, member or members(1, free)[0], partitions, advertised or port)
        self._properties.write_text(settings)

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"localhost:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def format(self) -> None:
        """Make an empty log. Raises KafkaUnavailable."""
        formatted = subprocess.run(
            [*self._java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(self._properties)],
            capture_output=True,
            text=True,
            check=False,
        )
        if formatted.returncode != 0:
            raise KafkaUnavailable(f"Kafka could not format its storage: {formatted.stderr[-500:]}")

    def start(self, within: float = 60.0) -> None:
        """Start it and wait until it listens. Raises KafkaUnavailable."""
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._properties)],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _await_listening(self._process, self.port, self._log, within)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_node(*, partitions: int = 4, port: int | None = None, within: float = 60.0) -> Iterator[Node]:
    """Start a broker with an empty log; yields it, then stops it and deletes its log."""
    folder = Path(tempfile.mkdtemp(prefix="viceversa-kafka-"))
    try:
        node = Node(folder, port=port or Ports().choose(None), partitions=partitions)
        node.format()
        try:
            node.start(within)
            yield node
        finally:
            node.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def server_settings(*, partitions: int, brokers: int = 1) -> dict[str, str]:
    """What a node for tests needs beside its listeners, by Kafka's property names. The images take the same.

    Each of three brokers keeps a copy of everything, and two must have taken a record before it is acknowledged.
    """
    number = min(brokers, 3)
    copies, taken = str(number), str(number // 2 + 1)
    return {
        "num.partitions": str(partitions),
        "default.replication.factor": copies,
        "min.insync.replicas": taken,
        "auto.create.topics.enable": "true",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": "2",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": taken,
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": taken,
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }


def _properties(folder: Path, port: int, member: Member, partitions: int, advertised: int) -> str:
    controllers = dict(enumerate(member.controllers, start=1))
    listeners = {"PLAINTEXT": port, "BETWEEN": member.between, "CONTROLLER": controllers[member.number]}
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(member.number),
        "controller.quorum.voters": ",".join(f"{node}@localhost:{port}" for node, port in controllers.items()),
        "listeners": ",".join(f"{name}://localhost:{port}" for name, port in listeners.items()),
        "advertised.listeners": f"PLAINTEXT://localhost:{advertised},BETWEEN://localhost:{member.between}",
        "inter.broker.listener.name": "BETWEEN",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
        "log.dirs": str(folder / "data"),
        **server_settings(partitions=partitions, brokers=len(controllers)),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _await_listening(node: "subprocess.Popen[bytes]", port: int, log: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if node.poll() is not None:
            raise KafkaUnavailable(f"Kafka ended with {node.returncode}: {log.read_text()[-500:]}")
        # The socket answers long before the broker does; this line is the last one of a start.
        if b"Kafka Server started" in log.read_bytes():
            with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
                return
        time.sleep(0.05)
    raise KafkaUnavailable(f"Kafka did not start within {within:g} s: {log.read_text()[-500:]}")


def main() -> int:
    """Run a broker until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, help="default: a free one")
    parser.add_argument("--partitions", type=int, default=4, help="of a topic that is created on first use")
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with running_node(port=arguments.port, partitions=arguments.partitions) as node:
            print(node.address, flush=True)
            ended.wait()
    except KafkaUnavailable as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
