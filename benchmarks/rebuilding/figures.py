"""Rebuilding a projection from its store and from its inbox: beside an event a transaction, beside reading alone."""

from collections.abc import Callable
from functools import partial

from benchmarks.figures import Figure, Floor, Say, interleaved, isolated
from benchmarks.rebuilding import ours, peers
from benchmarks.servers import Servers
from benchmarks.workload import RebuildWork

READINGS = 100_000
PEER_READINGS = 1_000
FLOOR = Floor(30_000, absolute=True)


def measure(servers: Servers, repetitions: int, say: Say) -> list[Figure]:
    """Five figures."""

    def once(contestant: Callable[[RebuildWork], float], readings: int) -> float:
        return isolated(contestant, RebuildWork(servers.new_database("rebuilding"), readings))

    medians = interleaved(
        {
            "from store": partial(once, ours.from_store, READINGS),
            "from store, processor": partial(once, ours.from_store_by_processor, READINGS),
            "from inbox": partial(once, ours.from_inbox, READINGS),
            "one by one": partial(once, peers.one_by_one, PEER_READINGS),
            "one by one, processor": partial(once, peers.one_by_one_by_processor, PEER_READINGS),
            "reading log": partial(once, peers.reading_log, READINGS),
            "reading inbox": partial(once, peers.reading_inbox, READINGS),
        },
        repetitions,
        say,
    )
    store, inbox, unit = medians["from store"], medians["from inbox"], "events/s"
    alone = "asyncpg reading the same columns, nothing decoded"
    return [
        Figure("rebuild: store to rows", store, "an event a transaction", medians["one by one"], unit, floor=FLOOR),
        Figure("rebuild: store to rows, beside reading", store, alone, medians["reading log"], unit),
        Figure(
            "rebuild: store to rows, by processor time",
            medians["from store, processor"],
            "an event a transaction, by processor time",
            medians["one by one, processor"],
            unit,
            floor=Floor(5),
        ),
        Figure("rebuild: inbox to rows", inbox, "an event a transaction", medians["one by one"], unit, floor=FLOOR),
        Figure("rebuild: inbox to rows, beside reading", inbox, alone, medians["reading inbox"], unit),
    ]
