"""What a campaign showed, for people (Markdown) and for programs (JSON)."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from chaos.campaign import Result
from chaos.checker.evidence import Evidence
from chaos.fates import Fate, totals

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
        "brokers": result.options.brokers,
        "faults": [
            {**asdict(one.injection), "began": round(one.began, 1), "fate": one.fate, "why": one.why}
            for one in result.suffered
        ],
        "fates": totals(result.suffered),
        "not_possible_here": dict(result.plan.impossible),
        "commands": dict(result.evidence.record.counts),
        "events": _events(result.evidence),
        "records": len(result.evidence.topic),
        "repeated_records": _repeated(result.evidence),
        "dead_letters": sum(len(store.dead) for store in result.evidence.stores.values()),
        "waiting": sum(len(store.waiting) for store in result.evidence.stores.values()),
        "restarts": result.restarts,
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
    brokers = f", {result.options.brokers} brokers" if result.options.brokers > 1 else ""
    yield f"- servers: {result.options.servers.value}{brokers}; schedule {result.plan.digest}"
    told = ", ".join(f"{number} {fate}" for fate, number in totals(result.suffered).items())
    yield f"- faults: {told}; {len(result.plan.impossible)} kinds not possible here"
    yield f"- commands: {commands['ok']} ok, {commands['failed']} refused, {commands['unknown']} unknown"
    evidence = result.evidence
    dead = sum(len(store.dead) for store in evidence.stores.values())
    waiting = sum(len(store.waiting) for store in evidence.stores.values())
    yield f"- {_events(evidence)} events; {len(evidence.topic)} records on topics, {_repeated(evidence)} repeats"
    yield f"- {dead} dead letters of {len(evidence.record.poison)} poison messages, {waiting} messages behind them"
    yield f"- {result.restarts} processes ended by themselves and were started again"
    yield f"- all lag was zero {result.evidence.recovery_seconds:.1f} s after the last fault"
    yield ""
    yield from _faults(result)
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


def _faults(result: Result) -> Iterator[str]:
    """Each kind by what became of it, and then each fault."""
    kinds = sorted({one.injection.fault for one in result.suffered})
    yield f"| kind | {' | '.join(Fate)} |"
    yield f"| --- |{' --- |' * len(Fate)}"
    for kind in kinds:
        times = totals(one for one in result.suffered if one.injection.fault == kind)
        yield f"| {kind} | {' | '.join(map(str, times.values()))} |"
    for name, why in result.plan.impossible.items():
        yield f"| {name} | **not possible here**: {why} |{' |' * (len(Fate) - 1)}"
    yield ""
    yield "| began | fault | what became of it |"
    yield "| --- | --- | --- |"
    for one in sorted(result.suffered, key=lambda one: one.began):
        yield f"| {one.began:.1f} s | {one.what} | {one.came} |"


def _events(evidence: Evidence) -> int:
    return sum(len(store.events) for store in evidence.stores.values())


def _repeated(evidence: Evidence) -> int:
    return len(evidence.topic) - len({record.id for record in evidence.topic})
