"""Traces put together from span files, and how they look."""

import io
import json

from rich.console import Console

from viceversa.demo import traces
from viceversa.demo.report import trace_table
from viceversa.demo.traces import assemble

SERVICES = ("enrollment", "matching", "sessions", "feedback")


def span_line(span_id, parent_id, service, name="work", *, trace_id="t1", start=0, end=1_000_000):
    return json.dumps(
        {
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_id": parent_id,
            "name": name,
            "kind": "internal",
            "service": service,
            "start": start,
            "end": end,
            "status": "unset",
            "attributes": {},
            "links": [],
        }
    )


def write(folder, name, *lines):
    (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def a_withdrawal(folder):
    """A request, its message, and what three services make of it."""
    write(
        folder,
        "enrollment",
        span_line("a", None, "enrollment", "POST /withdraw", start=0, end=10_000_000),
        span_line("b", "a", "enrollment", "send", start=4_000_000, end=9_000_000),
        span_line("x", None, "enrollment", "another", trace_id="t2"),
    )
    for number, service in enumerate(SERVICES[1:], start=1):
        begin = (10 + number) * 1_000_000
        write(folder, service, span_line(f"c{number}", "b", service, "process", start=begin, end=begin + 5_000_000))


def test_a_trace_is_put_together_from_the_files_of_all_processes(tmp_path):
    a_withdrawal(tmp_path)

    trace = traces.trace(tmp_path, "t1")

    assert [span.span_id for span in trace.spans] == ["a", "b", "c1", "c2", "c3"]
    assert trace.services == list(SERVICES)
    assert trace.is_whole_over(SERVICES)


def test_the_tree_has_every_span_below_its_parent(tmp_path):
    a_withdrawal(tmp_path)

    walked = [(depth, span.span_id) for depth, span in traces.trace(tmp_path, "t1").walk()]

    assert walked == [(0, "a"), (1, "b"), (2, "c1"), (2, "c2"), (2, "c3")]


def test_a_span_whose_parent_is_missing_is_an_orphan_and_still_shown(tmp_path):
    write(tmp_path, "matching", span_line("c", "lost", "matching"), span_line("a", None, "matching"))

    trace = traces.trace(tmp_path, "t1")

    assert [span.span_id for span in trace.orphans] == ["c"]
    assert not trace.is_whole_over(["matching"])
    assert sorted(span.span_id for _, span in trace.walk()) == ["a", "c"]


def test_a_trace_with_two_roots_or_without_a_service_is_not_whole(tmp_path):
    write(tmp_path, "matching", span_line("a", None, "matching"), span_line("b", None, "matching"))
    assert not traces.trace(tmp_path, "t1").is_whole_over(["matching"])

    write(tmp_path, "matching", span_line("a", None, "matching"))
    assert traces.trace(tmp_path, "t1").is_whole_over(["matching"])
    assert not traces.trace(tmp_path, "t1").is_whole_over(SERVICES)


def test_a_line_still_being_written_is_left_for_later(tmp_path):
    whole = span_line("a", None, "matching")
    (tmp_path / "matching.jsonl").write_text(f"{whole}\n{whole[:40]}", encoding="utf-8")

    assert len(traces.trace(tmp_path, "t1").spans) == 1


def test_only_what_was_written_since_is_read_where_a_place_is_given(tmp_path):
    a_withdrawal(tmp_path)
    since = traces.ends(tmp_path)
    with (tmp_path / "matching.jsonl").open("a", encoding="utf-8") as file:
        file.write(span_line("late", "b", "matching") + "\n")

    assert [span.span_id for span in traces.trace(tmp_path, "t1", since).spans] == ["late"]


def test_a_trace_nobody_kept_is_empty_and_not_whole(tmp_path):
    trace = traces.trace(tmp_path, "t1")

    assert trace.spans == ()
    assert not trace.is_whole_over([])
    assert assemble("t1", []) == trace


def test_the_picture_shows_every_span_with_its_service_start_and_duration(tmp_path):
    a_withdrawal(tmp_path)
    console = Console(width=120, file=io.StringIO())

    console.print(trace_table(traces.trace(tmp_path, "t1"), 120))

    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert [line.split("  ")[0] for line in lines[1:3]] == ["POST /withdraw", "└─ send"]
    assert "enrollment" in lines[1]
    assert lines[1].split()[3:5] == ["0.0", "10.0"]
    assert lines[3].startswith("   ├─ process")
    assert lines[5].startswith("   └─ process")
    assert "feedback" in lines[5]
    assert lines[5].split()[3:5] == ["13.0", "5.0"]
    assert lines[1].endswith("━" * 14)


def test_a_narrow_terminal_gets_all_but_the_bars(tmp_path):
    a_withdrawal(tmp_path)
    console = Console(width=80, file=io.StringIO())

    console.print(trace_table(traces.trace(tmp_path, "t1"), 80))

    text = console.file.getvalue()
    assert "━" not in text
    assert text.count("process") == 3
