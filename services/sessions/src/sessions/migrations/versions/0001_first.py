"""The runtime's tables, who takes part, and the service's own."""

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
        "engagements",
        sa.Column("pair", sa.Uuid, primary_key=True),
        sa.Column("program", sa.Uuid, nullable=False),
        sa.Column("mentor", sa.Uuid, nullable=False),
        sa.Column("mentee", sa.Uuid, nullable=False),
        sa.Column("mentor_region", sa.Text, nullable=False),
        sa.Column("mentee_region", sa.Text, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Text),
        sa.Column("cadence_days", sa.Integer),
        sa.Column("agreed_at", sa.DateTime(timezone=True)),
        sa.Column("over", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    for column in ("program", "mentor", "mentee"):
        op.create_index(f"engagements_{column}", "engagements", [column])
    op.create_table(
        "sessions",
        sa.Column("session", sa.Uuid, primary_key=True),
        sa.Column("pair", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer),
    )
    op.create_index("sessions_pair", "sessions", ["pair"])
    op.create_table(
        "programs",
        sa.Column("program", sa.Uuid, primary_key=True),
        sa.Column("cadence_days", sa.Integer, nullable=False),
        sa.Column("sessions_per_pair", sa.Integer, nullable=False),
        sa.Column("rating_threshold", sa.Integer, nullable=False),
    )
