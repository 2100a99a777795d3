"""Releases of enrollment that do not exist: copies of its package with a step more, for a rehearsal of an upgrade.

The first has a column that its projection fills, and a second version of one private event. The second takes away what
only the release before needed: that the column may be empty.
"""

import re
import shutil
from importlib import import_module
from pathlib import Path

_EXPANDING = '''"""How somebody came is kept."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("participants", sa.Column("came_by", sa.Text))
'''
_CONTRACTING = '''"""Everybody came somehow."""

from alembic import op

revision = "after_next"
down_revision = "next"
contracts = "0.1.0 was the last to leave came_by empty"
locks = {"participants": "few rows are left without it, and nothing changes a participant's row"}


def upgrade() -> None:
    op.execute("update participants set came_by = 'file' where came_by is null")
    op.alter_column("participants", "came_by", nullable=False)
'''
_CHANGES = {
    "projections.py": (
        ('    Column("region", Text, nullable=False),\n', '    Column("came_by", Text),\n'),
        ("participant=Uuid(), program=Uuid(), region=Text()", ", came_by=Text()"),
        ('"region": [r.event.region for r in recorded],\n', '"came_by": ["file"] * len(recorded),\n'),
    ),
    "domain/sign_up_file.py": (
        ("from events.runtime.private_events import Event", ", Former"),
        (
            'type: ClassVar[str] = "SignUpFileImported"\n',
            """    schema_version: ClassVar[int] = 2
    former: ClassVar[tuple[Former, ...]] = (Former(lambda data: {**data, "source": "file"}),)
    source: str = "file"
""",
        ),
    ),
}
"""By module: where something is added, and what."""


def release(folder: Path, *, contracting: bool = False) -> Path:
    """Make one in this folder; answers what to put first on a process's PYTHONPATH."""
    package = folder / "enrollment"
    shutil.copytree(Path(import_module("enrollment").__file__).parent, package)
    for name, additions in _CHANGES.items():
        module = package / name
        code = module.read_text()
        for place, added in additions:
            assert code.count(place) >= 1, f"{name} has changed: {place!r} is gone"
            code = code.replace(place, place + added, 1)
        module.write_text(code)
    versions = package / "migrations" / "versions"
    before = max(re.match(r"(\d+)", file.name)[1] for file in versions.glob("*.py"))
    (versions / "next.py").write_text(_EXPANDING.format(before=before))
    if contracting:
        (versions / "after_next.py").write_text(_CONTRACTING)
    return folder
