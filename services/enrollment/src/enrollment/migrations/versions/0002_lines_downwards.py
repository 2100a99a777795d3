"""Reporting lines are followed downwards too."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("reporting_lines_manager", "reporting_lines", ["manager"])
