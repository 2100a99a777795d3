"""Operators wish for a projection to be made again; a process carries it out."""

from alembic import op

from events.runtime.migrations import add_rebuilds

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    add_rebuilds(op)
