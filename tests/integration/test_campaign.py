"""A seeded campaign on the servers of this run, and a platform of its own: `make chaos` runs longer ones."""

from pathlib import Path

import pytest

from chaos import report
from chaos.campaign import Options, run
from chaos.fates import totals
from chaos.faults import FAULTS
from integration.servers import Kind


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("campaign")
def test_a_campaign_of_faults_violates_nothing(kind: Kind, tmp_path: Path):
    options = Options(20_260, 60, 20, tuple(FAULTS.values()), kind, tmp_path / "work", within_seconds=60)
    result = run(options, print)
    report.write(result, tmp_path)
    assert [violation for finding in result.findings for violation in finding.violations] == []
    assert all(finding.checked for finding in result.findings)
    assert len(result.plan.schedule) == len(result.suffered) == options.number
    assert totals(result.suffered)["carried out"] > options.number / 2
    assert result.evidence.record.counts["ok"] > 50
