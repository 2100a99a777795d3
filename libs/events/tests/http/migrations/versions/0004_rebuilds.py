"""Operators wish for a projection to be made again; a process carries it out."""

from alembic import op

from events.runtime.migrations import add_rebuilds

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    add_rebuilds(op)
