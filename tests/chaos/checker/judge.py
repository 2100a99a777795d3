"""All invariants over one body of evidence."""

from chaos.checker import acknowledged, effects, losses, projections, recovery, topics, traces
from chaos.checker.evidence import Evidence
from chaos.checker.finding import Finding

CHECKS = (
    acknowledged.check, topics.check, projections.check, effects.check, traces.check, losses.check, recovery.check,
)  # fmt: skip


def judge(evidence: Evidence) -> list[Finding]:
    """What each invariant says, in their order."""
    return [check(evidence) for check in CHECKS]
