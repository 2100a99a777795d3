"""The store: load, decide, append. One by one, in sets, and by many callers, beside `eventsourcing` and pgbench."""

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.figures import Figure, Floor, Say, interleaved, isolated
from benchmarks.servers import Servers
from benchmarks.store import eventsourcing_peer, ours, pgbench_peer
from benchmarks.workload import StoreWork


def measure(servers: Servers, repetitions: int, say: Say) -> list[Figure]:
    """Our store in three ways of use."""
    one_by_one = _medians(
        servers,
        repetitions,
        say,
        {
            "ours": (ours.one_by_one, 2000),
            "eventsourcing": (eventsourcing_peer.one_by_one, 1200),
            "pgbench": (_pgbench_one_by_one, 2000),
        },
    )
    in_sets = _medians(
        servers,
        repetitions,
        say,
        {"ours": (ours.in_sets, 10_000), "eventsourcing": (eventsourcing_peer.in_sets, 4000)},
    )
    by_callers = _medians(
        servers,
        repetitions,
        say,
        {
            "ours": (ours.by_callers, 20_480),
            "eventsourcing": (eventsourcing_peer.by_callers, 2560),
            "pgbench": (_pgbench_by_callers, 20_000),
        },
    )
    return [
        *_figures("store: one by one", one_by_one, Floor(1.5), callers=1),
        *_figures("store: sets of 50", in_sets, Floor(1.5), callers=1),
        *_figures("store: group commit, 64 callers", by_callers, Floor(12), callers=64),
    ]


def _medians(
    servers: Servers, repetitions: int, say: Say, contestants: Mapping[str, tuple[Callable[[StoreWork], float], int]]
) -> dict[str, float]:
    def once(measure: Callable[[StoreWork], float], commands: int) -> float:
        return isolated(measure, StoreWork(servers.new_database("store"), commands))

    return interleaved({name: partial(once, *how) for name, how in contestants.items()}, repetitions, say)


def _figures(name: str, medians: Mapping[str, float], floor: Floor, *, callers: int) -> list[Figure]:
    value, unit = medians["ours"], "commands/s"
    figures = [Figure(name, value, "eventsourcing 9.5 on PostgreSQL", medians["eventsourcing"], unit, floor=floor)]
    if "pgbench" in medians:
        peer = f"pgbench, the same read and insert, clients: {callers}"
        figures.append(Figure(f"{name}, beside pgbench", value, peer, medians["pgbench"], unit))
    return figures


def _pgbench_one_by_one(work: StoreWork) -> float:
    ours.install(work)
    return pgbench_peer.one_by_one(work)


def _pgbench_by_callers(work: StoreWork) -> float:
    ours.install(work)
    return pgbench_peer.by_callers(work)
