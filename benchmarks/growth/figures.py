"""What a relay and consumers need with 10⁴, 10⁵ and 10⁶ events before them: processor time an event, and memory."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figures import Figure, Floor, Say, isolated
from benchmarks.growth import ours
from benchmarks.growth.ours import Cost
from benchmarks.growth.plot import drawn
from benchmarks.servers import Servers
from benchmarks.services.contracts import MeterRead
from benchmarks.workload import PARTITIONS, LogWork

BACKLOGS = (10_000, 100_000, 1_000_000)
LARGEST = "GROWTH_LARGEST"
"""Environment variable: the largest backlog of this run, for a look at less than all of it."""
PLOT = Path(__file__).parents[2] / "docs" / "growth.svg"

_MORE_AN_EVENT = 1.5
"""How much more an event of the largest backlog may cost than one of the smallest."""
_RESIDENT_MB = 300
_WORK: Mapping[str, Callable[[LogWork], Cost]] = {
    "relay": ours.relayed,
    "consumer": ours.projected,
    "waiting room": ours.released,
}


def measure(servers: Servers, repetitions: int, say: Say) -> list[Figure]:  # noqa: ARG001 - a million of each, once
    """Two figures each of relay, consumer and waiting room, and a plot when the whole growth was measured."""
    backlogs = [size for size in BACKLOGS if size <= int(os.environ.get(LARGEST, BACKLOGS[-1]))]
    costs: dict[str, dict[int, Cost]] = {name: {} for name in _WORK}
    for size in backlogs:
        servers.new_topic(MeterRead.topic(), PARTITIONS)
        for name, work in _WORK.items():  # the consumer has before it what the relay has sent
            database = servers.new_database("growth")
            cost = isolated(work, LogWork(database, servers.kafka, MeterRead.topic(), size))
            costs[name][size] = cost
            say(
                f"{name}, {size:,} events: {cost.processor / size * 1e6:.0f} µs of processor time each, "
                f"{size / cost.wall:,.0f} a second, {cost.resident:.0f} MB"
            )
    if tuple(backlogs) == BACKLOGS:
        seconds = {name: [(size, cost.processor) for size, cost in taken.items()] for name, taken in costs.items()}
        PLOT.write_text(drawn(seconds), encoding="utf-8")
    return [figure for name, taken in costs.items() for figure in _figures(name, taken)]


def _figures(name: str, taken: Mapping[int, Cost]) -> list[Figure]:
    small, large = min(taken), max(taken)
    each = {size: cost.processor / size * 1e6 for size, cost in taken.items()}
    return [
        Figure(
            f"growth: {name}, {large:,} events before it",
            each[large],
            f"the same with {small:,}",
            each[small],
            "µs an event",
            better="lower",
            floor=Floor(_MORE_AN_EVENT),
        ),
        Figure(
            f"memory: {name}, {large:,} events before it",
            taken[large].resident,
            f"the same with {small:,}",
            taken[small].resident,
            "MB",
            better="lower",
            floor=Floor(_RESIDENT_MB, absolute=True),
        ),
    ]
