"""From a command's answer to the row in another service, at a hundred a second, beside FastStream alone."""

import statistics

from benchmarks.figures import Figure, Floor, Say, isolated
from benchmarks.http.load import HttpWork
from benchmarks.identity import Issuer, issuer
from benchmarks.latency import faststream_peer, ours
from benchmarks.latency.pace import Percentiles
from benchmarks.processes import running
from benchmarks.relay.aiokafka_peer import PEER_TOPIC
from benchmarks.servers import Servers
from benchmarks.services.contracts import MeterRead
from benchmarks.workload import PARTITIONS, LogWork

SECONDS = 10
PEER = "FastStream alone, from publish to row"


def measure(servers: Servers, repetitions: int, say: Say) -> list[Figure]:
    """Two figures."""
    mine: list[Percentiles] = []
    theirs: list[Percentiles] = []
    with issuer() as who:
        for repetition in range(repetitions):
            servers.new_topic(MeterRead.topic(), PARTITIONS)
            servers.new_topic(PEER_TOPIC, PARTITIONS)
            mine.append(_ours(servers, who))
            theirs.append(_peer(servers))
            say(f"{repetition + 1}/{repetitions}  ours {mine[-1]}  faststream {theirs[-1]}")
    return [
        Figure(
            name="latency: command's answer to row in another service, p50",
            ours=statistics.median(found.p50 for found in mine),
            peer=PEER,
            peer_value=statistics.median(found.p50 for found in theirs),
            unit="ms",
            better="lower",
        ),
        Figure(
            name="latency: command's answer to row in another service, p99",
            ours=statistics.median(found.p99 for found in mine),
            peer=PEER,
            peer_value=statistics.median(found.p99 for found in theirs),
            unit="ms",
            better="lower",
            floor=Floor(60, absolute=True),
        ),
    ]


def _ours(servers: Servers, who: Issuer) -> Percentiles:
    metering, reporting = servers.new_database("metering"), servers.new_database("reporting")
    with (
        running("metering", "api,relay", servers, metering, who) as url,
        running("reporting", "api,consumer", servers, reporting, who),
    ):
        return isolated(ours.percentiles, HttpWork(url, who.token, seconds=SECONDS), reporting)


def _peer(servers: Servers) -> Percentiles:
    work = LogWork(servers.new_database("peer"), servers.kafka, PEER_TOPIC, 0)
    with faststream_peer.subscriber(work):
        return isolated(faststream_peer.percentiles, work, SECONDS)
