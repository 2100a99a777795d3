"""A rolling upgrade: a version with a newer schema joins the one that runs, which goes on and is started again."""

import shutil
from pathlib import Path

from chaos.faults.fault import Parameters
from chaos.faults.processes import Further
from chaos.ground import Ground

_SERVICES = Path(__file__).resolve().parents[3] / "services"
_MIGRATION = '''"""Expands: what the version before neither reads nor writes."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("inbox", sa.Column("newer", sa.Text))
    op.create_table("newer", sa.Column("id", sa.Uuid, primary_key=True))
'''


class Upgrade(Further):
    """It migrates under load, works for a while, and is killed: the database stays as it made it."""

    name = "rolling-upgrade"
    roles = "api,relay,consumer,projector"

    async def inject(self, ground: Ground, parameters: Parameters) -> None:
        _write_newer(parameters["service"], _newer(ground, parameters["service"]))
        await super().inject(ground, parameters)

    def environment(self, ground: Ground, parameters: Parameters) -> dict[str, str]:
        return {"PYTHONPATH": str(_newer(ground, parameters["service"]))}


def _newer(ground: Ground, service: str) -> Path:
    return ground.platform.folder / "newer" / service


def _write_newer(service: str, folder: Path) -> None:
    """A copy of the service's package with one migration more."""
    if folder.exists():
        return
    package = folder / service
    shutil.copytree(_SERVICES / service / "src" / service, package, ignore=shutil.ignore_patterns("__pycache__"))
    versions = package / "migrations" / "versions"
    head = max(file.name for file in versions.glob("[0-9]*.py")).partition("_")[0]
    (versions / "9999_newer.py").write_text(_MIGRATION.format(head=head))
