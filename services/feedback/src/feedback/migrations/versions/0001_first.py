"""The runtime's tables, who takes part, and feedback's own."""

import sqlalchemy as sa
from alembic import op

from events import membership
from events.runtime.migrations import create_runtime_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    membership.create_tables(op)
    op.create_table(
        "sheets",
        sa.Column("sheet", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("participant", sa.Uuid, nullable=False),
        sa.Column("program", sa.Uuid, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("instrument", sa.Text, nullable=False),
        sa.Column("edition", sa.Integer, nullable=False),
        sa.Column("pair", sa.Uuid),
        sa.Column("number", sa.Integer),
        sa.Column("rating_threshold", sa.Integer, nullable=False),
        sa.Column("comment_threshold", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("day", sa.Date),
        sa.Column("announced", sa.Boolean, nullable=False),
    )
    op.create_index("sheets_participant", "sheets", ["participant", "due_at", "sheet"])
    op.create_index("sheets_unannounced", "sheets", ["answered_at"], postgresql_where=sa.text("not announced"))
    op.create_index("sheets_open", "sheets", ["program"], postgresql_where=sa.text("state = 'open'"))
    op.create_table("finished_programs", sa.Column("program", sa.Uuid, primary_key=True))
    op.create_table(
        "units",
        sa.Column("participant", sa.Uuid, primary_key=True),
        sa.Column("unit", sa.Text, nullable=False),
    )
