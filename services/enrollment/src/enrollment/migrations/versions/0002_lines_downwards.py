"""Reporting lines are followed downwards too."""

from alembic import op

revision = "0002"
down_revision = "0001"
locks = {"reporting_lines_manager": "no release was without it: whoever upgrades to the first one has no lines yet"}


def upgrade() -> None:
    op.create_index("reporting_lines_manager", "reporting_lines", ["manager"])
