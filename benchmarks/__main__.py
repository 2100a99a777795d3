"""`python -m benchmarks`: start the servers, take every figure, print and keep them. Fails when a floor is missed."""

import argparse
import platform
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.consuming import figures as consuming
from benchmarks.figures import Figure, Say, keep, settle, show
from benchmarks.growth import figures as growth
from benchmarks.http import figures as http
from benchmarks.latency import figures as latency
from benchmarks.rebuilding import figures as rebuilding
from benchmarks.relay import figures as relay
from benchmarks.servers import Servers, started
from benchmarks.store import figures as store

RESULTS = Path(__file__).parent / "results" / "latest.json"
GROUPS: dict[str, Callable[[Servers, int, Say], list[Figure]]] = {
    "store": store.measure,
    "http": http.measure,
    "relay": relay.measure,
    "consuming": consuming.measure,
    "latency": latency.measure,
    "rebuilding": rebuilding.measure,
    "growth": growth.measure,
}


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 when every floor held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), default=list(GROUPS), help="groups of figures")
    parser.add_argument("--repetitions", type=int, default=5, help="of each contestant; the median counts")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are kept")
    chosen = parser.parse_args(arguments)
    settle()
    signal.signal(signal.SIGTERM, _end)
    console = Console(width=None if sys.stdout.isatty() else 200)
    began = time.monotonic()
    figures: list[Figure] = []
    with started() as servers:
        console.print(f"{', '.join(servers.described)}; Python {platform.python_version()}", highlight=False)
        for name in chosen.only:
            console.rule(name)
            figures += GROUPS[name](servers, chosen.repetitions, lambda line: console.print(line, highlight=False))
    keep(figures, chosen.results)
    show(figures, console)
    missed = [figure.name for figure in figures if not figure.passed]
    console.print(f"{len(figures)} figures in {time.monotonic() - began:.0f} s, kept in {chosen.results}")
    for name in missed:
        console.print(f"[bold red]floor missed:[/] {name}")
    return 1 if missed else 0


def _end(*_: object) -> None:
    """Leave in order, so that the servers are stopped; a second signal does not interrupt that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit("ended by a signal")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
