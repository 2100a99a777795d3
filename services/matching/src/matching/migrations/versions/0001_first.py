"""The runtime's tables, who takes part and who coordinates, and matching's own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from events import membership
from events.runtime.migrations import create_runtime_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    membership.create_tables(op)
    op.create_table(
        "candidates",
        sa.Column("participant", sa.Uuid, primary_key=True),
        sa.Column("program", sa.Uuid, nullable=False),
        sa.Column("role", sa.Text),
        sa.Column("enrolled", sa.Boolean, nullable=False),
        sa.Column("profiled", sa.Boolean, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("places_held", sa.Integer, nullable=False),
        sa.Column("confirmed", sa.Integer, nullable=False),
    )
    op.create_index("candidates_program", "candidates", ["program"])
    op.create_table(
        "rounds",
        sa.Column("round", sa.Uuid, primary_key=True),
        sa.Column("program", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True)),
    )
    op.create_index("rounds_program", "rounds", ["program"])
    op.create_table(
        "missed",
        sa.Column("round", sa.Uuid, nullable=False),
        sa.Column("participant", sa.Uuid, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("round", "participant", name="missed_pkey"),
    )
    op.create_index("missed_untold", "missed", ["round"], postgresql_where=sa.text("not told"))
    op.create_table(
        "pairs",
        sa.Column("pair", sa.Uuid, primary_key=True),
        sa.Column("round", sa.Uuid, nullable=False),
        sa.Column("program", sa.Uuid, nullable=False),
        sa.Column("mentor", sa.Uuid, nullable=False),
        sa.Column("mentee", sa.Uuid, nullable=False),
        sa.Column("mentor_region", sa.Text, nullable=False),
        sa.Column("mentee_region", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("explanation", JSONB),
    )
    op.create_index("pairs_mentor", "pairs", ["mentor"])
    op.create_index("pairs_mentee", "pairs", ["mentee"])
    op.create_index("pairs_program", "pairs", ["program", "pair"])
    op.create_index("pairs_drafted", "pairs", ["round"], postgresql_where=sa.text("version = 0"))
    op.create_table(
        "endings",
        sa.Column("pair", sa.Uuid, primary_key=True),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("ended", sa.Boolean, nullable=False),
    )
    op.create_index("endings_due", "endings", ["due_at"], postgresql_where=sa.text("not ended"))
