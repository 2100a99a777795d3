"""The runtime's tables, and what reporting projects."""

from alembic import op
from benchmarks.services.projections import metadata

from events.runtime.migrations import create_runtime_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    metadata.create_all(op.get_bind())
