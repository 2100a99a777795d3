"""The relay, from the store to the broker, beside bare producers that hold the finished messages in memory."""

from benchmarks.figures import Figure, Floor, Say, interleaved, isolated
from benchmarks.relay import aiokafka_peer, ours
from benchmarks.servers import Servers
from benchmarks.services.contracts import MeterRead
from benchmarks.workload import PARTITIONS, LogWork

MESSAGES = 12_000


def measure(servers: Servers, repetitions: int, say: Say) -> list[Figure]:
    """Two figures."""
    topic = MeterRead.topic()
    servers.new_topic(topic, PARTITIONS)
    servers.new_topic(aiokafka_peer.PEER_TOPIC, PARTITIONS)

    def work() -> LogWork:
        return LogWork(servers.new_database("relay"), servers.kafka, topic, MESSAGES)

    isolated(ours.messages_per_second, work())  # the peers send again what this leaves in the topic
    medians = interleaved(
        {
            "ours": lambda: isolated(ours.messages_per_second, work()),
            "send": lambda: isolated(aiokafka_peer.by_send, work()),
            "send_batch": lambda: isolated(aiokafka_peer.by_batch, work()),
        },
        repetitions,
        say,
    )
    name, value, unit = "relay: store to broker", medians["ours"], "messages/s"
    return [
        Figure(name, value, "bare idempotent aiokafka producer, send", medians["send"], unit, floor=Floor(0.3)),
        Figure(f"{name}, beside batches", value, "bare idempotent aiokafka, send_batch", medians["send_batch"], unit),
    ]
