"""Figures: medians of interleaved repetitions, each a ratio against a peer, with the floor that must hold."""

import gc
import json
import logging
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import structlog
from rich.console import Console
from rich.table import Table

P = ParamSpec("P")
R = TypeVar("R")

Better = Literal["higher", "lower"]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Floor:
    """What must hold: a ratio to the peer, or (`absolute`) our own value."""

    limit: float
    absolute: bool = False

    def text(self, better: Better) -> str:
        """The floor as a person reads it."""
        sign = "≥" if better == "higher" else "≤"
        return f"{sign} {self.limit:g}" + ("" if self.absolute else " ×")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the results."""

    name: str
    ours: float
    peer: str
    peer_value: float
    unit: str
    better: Better = "higher"
    floor: Floor | None = None

    @property
    def ratio(self) -> float:
        """Ours over the peer's, whichever way is better."""
        return self.ours / self.peer_value

    @property
    def passed(self) -> bool:
        """Whether the floor holds; a figure without one always passes."""
        if self.floor is None:
            return True
        value = self.ours if self.floor.absolute else self.ratio
        return value >= self.floor.limit if self.better == "higher" else value <= self.floor.limit

    def as_record(self) -> dict[str, Any]:
        """The line as it is kept."""
        return {
            "name": self.name,
            "ours": round(self.ours, 2),
            "peer": self.peer,
            "peer_value": round(self.peer_value, 2),
            "unit": self.unit,
            "ratio": round(self.ratio, 3),
            "better": self.better,
        }


def interleaved(contestants: Mapping[str, Callable[[], float]], repetitions: int, say: Say) -> dict[str, float]:
    """Run every contestant once a repetition, in turning order, and answer each one's median."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for repetition in range(repetitions):
        for name in list(contestants) if repetition % 2 == 0 else reversed(list(contestants)):
            taken[name].append(contestants[name]())
        say(
            f"{repetition + 1}/{repetitions}  "
            + "  ".join(f"{name} {values[-1]:,.1f}" for name, values in taken.items())
        )
    return {name: statistics.median(values) for name, values in taken.items()}


def isolated(measure: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run one measurement in a fresh process, so that nobody inherits another's garbage or warmth."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=settle) as process:
        return process.submit(measure, *args, **kwargs).result()


def settle() -> None:
    """Log and collect garbage as the process of a service does, whoever is measured."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    logging.basicConfig(level=logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def keep(figures: Sequence[Figure], path: Path) -> None:
    """Write the results; figures that this run did not take stay as they were."""
    taken = {figure.name: figure.as_record() for figure in figures}
    before = json.loads(path.read_text()) if path.exists() else []
    records = {record["name"]: record for record in before} | taken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(records.values()), indent=2, ensure_ascii=False) + "\n")


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the table with floors."""
    table = Table(title="Figures (medians of interleaved repetitions)")
    for column in ("figure", "ours", "peer", "", "unit", "ratio", "floor", ""):
        table.add_column(column, justify="right" if column in {"ours", "ratio", "floor"} else "left")
    for figure in figures:
        floor = figure.floor.text(figure.better) if figure.floor else ""
        verdict = "" if figure.floor is None else "[green]pass[/]" if figure.passed else "[bold red]MISSED[/]"
        table.add_row(
            figure.name,
            f"{figure.ours:,.1f}",
            figure.peer,
            f"{figure.peer_value:,.1f}",
            figure.unit,
            f"{figure.ratio:.2f}",
            floor,
            verdict,
        )
    console.print(table)
