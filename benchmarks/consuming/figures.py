"""Consumers beside FastStream one by one: event → table, and event → command → append."""

from collections.abc import Callable

from benchmarks.consuming import faststream_peer, ours
from benchmarks.figures import Figure, Floor, Say, interleaved, isolated
from benchmarks.relay import ours as relay
from benchmarks.servers import Servers
from benchmarks.services.contracts import MeterRead
from benchmarks.workload import PARTITIONS, LogWork

MESSAGES = 12_000
PEER_MESSAGES = 400


def measure(servers: Servers, repetitions: int, say: Say) -> list[Figure]:
    """Two figures."""
    topic = MeterRead.topic()
    servers.new_topic(topic, PARTITIONS)

    def work(messages: int) -> LogWork:
        return LogWork(servers.new_database("consuming"), servers.kafka, topic, messages)

    isolated(relay.messages_per_second, work(MESSAGES))  # fills the topic

    def figure(name: str, mine: Callable[[LogWork], float], others: Callable[[LogWork], float]) -> Figure:
        medians = interleaved(
            {
                "ours": lambda: isolated(mine, work(MESSAGES)),
                "faststream": lambda: isolated(others, work(PEER_MESSAGES)),
            },
            repetitions,
            say,
        )
        peer = "FastStream one by one, the same effect in a transaction of its own"
        return Figure(name, medians["ours"], peer, medians["faststream"], "messages/s", floor=Floor(5))

    return [
        figure("consume: event to table", ours.projected_per_second, faststream_peer.projected_per_second),
        figure("consume: event to command to append", ours.reacted_per_second, faststream_peer.reacted_per_second),
    ]
