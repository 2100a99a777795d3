"""Traces from the span files that the processes of a local platform keep: one JSON object a line, one file a process.

A trace is whole when every span but the root finds its parent: an orphan means that a hop lost the context.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """One finished span. Times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    service: str
    start: int
    end: int
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return (self.end - self.start) / 1e6


@dataclass(frozen=True, slots=True)
class Trace:
    """All spans that share a trace id, oldest first."""

    trace_id: str
    spans: tuple[Span, ...]

    @property
    def services(self) -> list[str]:
        """Every service that took part, in the order in which they joined."""
        return list(dict.fromkeys(span.service for span in self.spans))

    @property
    def roots(self) -> list[Span]:
        """Spans without a parent. A whole trace has one."""
        return [span for span in self.spans if span.parent_id is None]

    @property
    def orphans(self) -> list[Span]:
        """Spans whose parent is in no file."""
        known = {span.span_id for span in self.spans}
        return [span for span in self.spans if span.parent_id is not None and span.parent_id not in known]

    @property
    def edges(self) -> set[tuple[str, str, str]]:
        """(name of the parent, name of the span, its service), for every span whose parent is known."""
        names = {span.span_id: span.name for span in self.spans}
        return {(names[s.parent_id], s.name, s.service) for s in self.spans if s.parent_id in names}

    def is_whole_over(self, services: Collection[str]) -> bool:
        """One root, no orphan, and every one of `services` took part."""
        return len(self.roots) == 1 and not self.orphans and set(services) <= set(self.services)

    def walk(self) -> Iterator[tuple[int, Span]]:
        """Depth first, siblings by start: (depth, span). Orphans stand as roots, so that nothing is hidden."""
        children: dict[str, list[Span]] = defaultdict(list)
        for span in self.spans:
            if span.parent_id is not None:
                children[span.parent_id].append(span)
        todo = [(0, span) for span in sorted([*self.roots, *self.orphans], key=lambda span: span.start, reverse=True)]
        while todo:
            depth, span = todo.pop()
            yield depth, span
            todo.extend((depth + 1, child) for child in reversed(children[span.span_id]))


Places = Mapping[Path, int]
"""How far each span file reaches, in bytes."""


def ends(folder: Path) -> Places:
    """Where the files end now: a trace that begins later stands beyond."""
    return {file: file.stat().st_size for file in folder.glob("*.jsonl")}


def trace(folder: Path, trace_id: str, since: Places | None = None) -> Trace:
    """One trace, from the files of all processes; with `since`, from what was written after that alone."""
    begin = since or {}
    files = sorted(folder.glob("*.jsonl"))
    return assemble(trace_id, (span for file in files for span in _spans(file, begin.get(file, 0), trace_id)))


def assemble(trace_id: str, spans: Iterable[Span]) -> Trace:
    """Put spans in order; one that two files hold counts once."""
    unique = {span.span_id: span for span in spans}
    return Trace(trace_id, tuple(sorted(unique.values(), key=lambda span: span.start)))


def _spans(file: Path, begin: int, trace_id: str) -> Iterator[Span]:
    """A line still being written is left for the next reading."""
    wanted = trace_id.encode()
    with file.open("rb") as lines:
        lines.seek(begin)
        for line in lines:
            # Most lines belong to other traces, and reading them as JSON would cost most of the time.
            if wanted in line and line.endswith(b"\n"):
                fields = json.loads(line)
                if fields["trace_id"] == trace_id:
                    yield _span(fields)


def _span(line: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=line["trace_id"],
        span_id=line["span_id"],
        parent_id=line["parent_id"],
        name=line["name"],
        kind=line["kind"],
        service=line["service"],
        start=line["start"],
        end=line["end"],
        attributes=line["attributes"],
    )
