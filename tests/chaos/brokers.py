"""Kafka's brokers from its jars: processes that can be killed, frozen and started again on their logs."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kafka_node
from integration.servers import PARTITIONS
from viceversa.platform.ports import Ports

_MEGABYTES = {1: 512, 3: 256}
"""Heap of a broker, by their number."""


class Broker:
    """One of them."""

    def __init__(self, node: kafka_node.Node) -> None:
        self._node = node

    @property
    def runs(self) -> bool:
        return self._node.pid is not None

    def format(self) -> None:
        """Make an empty log."""
        self._node.format()

    def start(self) -> None:
        self._node.start()

    def kill(self) -> None:
        self._node.kill()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._node.pid is not None:
            os.kill(self._node.pid, number)


class Brokers:
    """All of them as one server."""

    def __init__(self, each: Sequence[Broker]) -> None:
        self.each = each

    @property
    def runs(self) -> bool:
        return all(broker.runs for broker in self.each)

    def start(self) -> None:
        """Those that do not run. At once: none answers before a majority has chosen who leads."""
        _at_once([broker.start for broker in self.each if not broker.runs])

    def kill(self) -> None:
        for broker in self.each:
            broker.kill()

    def freeze(self) -> None:
        for broker in self.each:
            broker.freeze()

    def thaw(self) -> None:
        for broker in self.each:
            broker.thaw()


def make_brokers(folder: Path, ports: Ports, advertised: Mapping[int, int]) -> Brokers:
    """With empty logs, not started: one at each port, which tells clients to come by the port that is advertised."""
    found = []
    for member, port in zip(kafka_node.members(len(advertised), ports), advertised, strict=True):
        own = folder / f"kafka-{member.number}"
        own.mkdir()
        node = kafka_node.Node(
            own,
            port=port,
            advertised=advertised[port],
            partitions=PARTITIONS,
            member=member,
            megabytes=_MEGABYTES[len(advertised)],
        )
        found.append(Broker(node))
    _at_once([broker.format for broker in found])
    return Brokers(found)


def _at_once(work: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(max(len(work), 1)) as threads:
        for done in [threads.submit(each) for each in work]:
            done.result()
