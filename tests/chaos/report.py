"""What a campaign showed, for people (Markdown) and for programs (JSON)."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from chaos.campaign import Result
from chaos.checker.evidence import Evidence

_SHOWN = 20


def write(result: Result, folder: Path) -> None:
    """`report.json` and `report.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(as_json(result), indent=2, default=str) + "\n")
    (folder / "report.md").write_text("\n".join(as_markdown(result)) + "\n")


def as_json(result: Result) -> dict[str, object]:
    """The report for programs."""
    return {
        "seed": result.options.seed,
        "broker": result.options.servers.value,
        "schedule": result.plan.digest,
        "faults": [asdict(injection) for injection in result.plan.schedule],
        "not_possible_here": dict(result.plan.impossible),
        "commands": dict(result.evidence.record.counts),
        "events": _events(result.evidence),
        "records": len(result.evidence.topic),
        "repeated_records": _repeated(result.evidence),
        "dead_letters": sum(len(store.dead) for store in result.evidence.stores.values()),
        "waiting": sum(len(store.waiting) for store in result.evidence.stores.values()),
        "restarts": result.restarts,
        "fail_points": {"set": result.points[1], "reached": result.points[0]},
        "invariants": [
            {"name": finding.name, "checked": finding.checked, "violations": list(finding.violations)}
            for finding in result.findings
        ],
        "recovery_seconds": round(result.evidence.recovery_seconds, 1),
    }


def as_markdown(result: Result) -> Iterator[str]:
    """The report for people."""
    commands = result.evidence.record.counts
    yield f"# Campaign of seed {result.options.seed}: {result.violations} violations"
    yield ""
    yield f"- servers: {result.options.servers.value}; schedule {result.plan.digest}"
    yield f"- commands: {commands['ok']} ok, {commands['failed']} refused, {commands['unknown']} unknown"
    evidence = result.evidence
    dead = sum(len(store.dead) for store in evidence.stores.values())
    waiting = sum(len(store.waiting) for store in evidence.stores.values())
    yield f"- {_events(evidence)} events; {len(evidence.topic)} records on topics, {_repeated(evidence)} repeats"
    yield f"- {dead} dead letters of {len(evidence.record.poison)} poison messages, {waiting} messages behind them"
    yield f"- fail points: {result.points[0]} of {result.points[1]} were reached before their time was over"
    yield f"- {result.restarts} processes ended by themselves and were started again"
    yield f"- all lag was zero {result.evidence.recovery_seconds:.1f} s after the last fault"
    for name, why in result.plan.impossible.items():
        yield f"- **not possible here**: {name}: {why}"
    yield ""
    yield "| fault | times |"
    yield "| --- | --- |"
    for name, times in sorted(Counter(injection.fault for injection in result.plan.schedule).items()):
        yield f"| {name} | {times} |"
    yield ""
    yield "| invariant | checked | violations |"
    yield "| --- | --- | --- |"
    for finding in result.findings:
        yield f"| {finding.name} | {finding.checked} | {len(finding.violations)} |"
    for finding in result.findings:
        if finding.violations:
            yield ""
            yield f"## {finding.name}"
            yield from (f"- {violation}" for violation in finding.violations[:_SHOWN])
            if len(finding.violations) > _SHOWN:
                yield f"- and {len(finding.violations) - _SHOWN} more, in report.json"


def _events(evidence: Evidence) -> int:
    return sum(len(store.events) for store in evidence.stores.values())


def _repeated(evidence: Evidence) -> int:
    return len(evidence.topic) - len({record.id for record in evidence.topic})
