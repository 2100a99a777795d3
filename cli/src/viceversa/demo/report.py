"""The terminal pictures: acts as they happen, figures by region, a trace as a tree with times, and a pair's journey."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from viceversa.demo.enterprise import Person
from viceversa.demo.expectations import Expectations
from viceversa.demo.stage import Progress, Stage
from viceversa.demo.story import Played
from viceversa.demo.summary import RegionFigures, Step, Summary, by_region, journey
from viceversa.demo.surroundings import Surroundings
from viceversa.demo.traces import Span, Trace

_TIMELINE, _WITHOUT_TIMELINE, _BESIDE_SPANS = 24, 92, 42
"""Widths, in characters."""
_SHOWN_OF_A_TRACE_ID = 8
_CONSUMER = "messaging.consumer.group.name"
_SERVICE_STYLES = {"enrollment": "cyan", "matching": "magenta", "sessions": "green", "feedback": "yellow"}


class Theatre:
    """Shows the act that is being played, and a line for each that is over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=5,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self.progress = Progress(self._begin, self._advance)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def announce(self, enterprise: Sequence[Person]) -> None:
        """Who is going to play."""
        regions = len({person.place.region for person in enterprise})
        zones = len({person.place.time_zone for person in enterprise})
        self._console.print(
            Text.assemble(
                ("Viceversa", "bold"),
                f": {len(enterprise):,} people in {regions} regions and {zones} time zones",
                " go through a reverse mentoring program",
            ),
            soft_wrap=True,
        )

    def raise_curtain(self, title: str) -> None:
        """An act begins."""
        self._task = self._bar.add_task(title, total=None)

    def drop_curtain(self, played: Played) -> None:
        """An act is over."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        mark = Text("✓", style="bold green") if played.to_its_end else Text("✗", style="bold red")
        line = Text.assemble("  ", mark, f" {played.title:<38}", (f"{played.seconds:5.1f} s  ", "dim"), played.outcome)
        self._console.print(line, soft_wrap=True)

    def _begin(self, steps: int) -> None:
        if self._task is not None:
            self._bar.update(self._task, total=steps, completed=0)

    def _advance(self) -> None:
        if self._task is not None:
            self._bar.advance(self._task)


def show(console: Console, stage: Stage, summary: Summary, file: Path) -> None:
    """Everything that is to be seen when the acts are over; the verdict stands last."""
    pair, missed, every = stage.withdrawn, stage.expectations.missed, stage.expectations.all
    parts: list[tuple[str, RenderableType]] = [("What came of it", regions_table(by_region(stage)))]
    if pair is not None:
        services = len(stage.trace.services)
        heading = f"{pair.mentor.name} leaves: trace {stage.trace.trace_id}, over {services} services"
        parts.append((heading, trace_table(stage.trace, console.width)))
        heading = f"The journey of {pair.mentor.name} and {pair.mentee.name}, as other systems hear it"
        parts.append((heading, journey_table(journey(stage))))
    parts.append(("What was expected", expectations_list(stage.expectations)))
    for heading, part in parts:
        console.print()
        console.print(Text(heading, style="bold underline"))
        console.print(part)
    console.print()
    verdict = f"{len(every) - len(missed)} of {len(every)} expectations met in {summary.seconds:.1f} s"
    events = sum(summary.public_events.values())
    console.print(
        Text.assemble(
            ("✗ " if missed else "✓ ", "bold red" if missed else "bold green"),
            (verdict, "bold"),
            f": {stage.platform.requests:,} requests, {events:,} public events; {file} has the figures",
        ),
        soft_wrap=True,
    )


def show_where_to_look(console: Console, surroundings: Surroundings, *, runs_on: bool) -> None:
    """Where to go from here."""
    console.print()
    console.print(Text("Where to look next", style="bold underline"))
    table = Table.grid(padding=(0, 2))
    if runs_on:
        for name, url in surroundings.urls.items():
            table.add_row(name, f"{url}/openapi.json")
        table.add_row("Kafka", f"{surroundings.kafka}, topics viceversa.<service>.v1")
        table.add_row("addresses, passwords", str(surroundings.described_in))
    else:
        table.add_row("the platform, running on", "make up, or make demo ARGS=--keep")
    table.add_row("every span of every trace", str(surroundings.spans))
    table.add_row("one event followed end to end", "docs/flow.md")
    table.add_row("subscribing to events", "docs/subscribers.md")
    console.print(table)
    if runs_on:
        console.print(Text("The platform runs on; Ctrl-C stops it.", style="bold"))


def regions_table(figures: Sequence[RegionFigures]) -> RenderableType:
    """People, pairs, sessions and answers by region."""
    headings = ("mentors", "mentees", "pairs", "across", "sessions", "answers", "waiting")
    table = Table("region", box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0), show_footer=True)
    table.columns[0].footer = "all"
    rows = [
        (one.mentors, one.mentees, one.pairs, one.across, one.sessions, one.answers, one.waiting) for one in figures
    ]
    for index, heading in enumerate(headings):
        table.add_column(heading, footer=str(sum(row[index] for row in rows)), justify="right", footer_style="bold")
    for one, row in zip(figures, rows, strict=True):
        table.add_row(one.region, *map(str, row))
    return table


def trace_table(trace: Trace, width: int) -> RenderableType:
    """Every span under its parent: when it began after the first one, and how long it took.

    Where `width` allows, bars show the same.
    """
    timeline = min(_TIMELINE, max(width - _WITHOUT_TIMELINE, 0))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("span", no_wrap=True, overflow="ellipsis", max_width=max(width - _BESIDE_SPANS, 24))
    table.add_column("service.consumer", no_wrap=True, min_width=len("sessions.membership"))
    table.add_column("from ms", justify="right", no_wrap=True, min_width=7)
    table.add_column("took ms", justify="right", no_wrap=True, min_width=7)
    table.add_column("", no_wrap=True)
    if not trace.spans:
        return table
    begin = min(span.start for span in trace.spans)
    length = max(max(span.end for span in trace.spans) - begin, 1)
    orphans = {span.span_id for span in trace.orphans}
    for guide, span in _guided(trace):
        style = _SERVICE_STYLES.get(span.service, "")
        name = Text.assemble((guide, "dim"), (span.name, "red" if span.span_id in orphans else ""))
        table.add_row(
            name,
            Text(str(span.attributes.get(_CONSUMER, span.service)), style=style),
            f"{(span.start - begin) / 1e6:.1f}",
            f"{span.milliseconds:.1f}",
            Text(_on_the_timeline(span, begin, length, timeline), style=style),
        )
    return table


def journey_table(steps: Sequence[Step]) -> RenderableType:
    """A pair's public events by the platform's clock, each with the trace that its flow began in."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("on", "event", "service", "trace"):
        table.add_column(heading, no_wrap=True)
    for step in steps:
        table.add_row(
            f"{step.at:%Y-%m-%d %H:%M}",
            step.event,
            Text(step.service, style=_SERVICE_STYLES.get(step.service, "")),
            Text(step.trace_id[:_SHOWN_OF_A_TRACE_ID], style="dim"),
        )
    return table


def expectations_list(expectations: Expectations) -> RenderableType:
    """Every expectation by name, met or not."""
    lines = []
    for one in expectations.all:
        mark, style = ("✓", "bold green") if one.met else ("✗", "bold red")
        lines.append(Text.assemble((f"{mark} ", style), one.name, ("" if one.met else f": saw {one.seen}", "red")))
    return Text("\n").join(lines)


def _guided(trace: Trace) -> list[tuple[str, Span]]:
    """Spans in the order of the tree, each with the lines that lead to it."""
    rows = list(trace.walk())
    guided: list[tuple[str, Span]] = []
    for index, (depth, span) in enumerate(rows):
        guide = ""
        for level in range(1, depth + 1):
            goes_on = _has_later_sibling(rows, index, level)
            if level == depth:
                guide += "├─ " if goes_on else "└─ "
            else:
                guide += "│  " if goes_on else "   "
        guided.append((guide, span))
    return guided


def _has_later_sibling(rows: Sequence[tuple[int, Span]], index: int, level: int) -> bool:
    for depth, _ in rows[index + 1 :]:
        if depth <= level:
            return depth == level
    return False


def _on_the_timeline(span: Span, begin: int, length: int, width: int) -> str:
    if width == 0:
        return ""
    first = min(width - 1, (span.start - begin) * width // length)
    last = max(first + 1, -(-(span.end - begin) * width // length))
    return " " * first + "━" * (last - first)
