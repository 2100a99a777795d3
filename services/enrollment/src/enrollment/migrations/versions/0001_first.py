"""The runtime's tables; identities, reporting lines and the lists."""

import sqlalchemy as sa
from alembic import op

from events.runtime.migrations import create_runtime_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    op.create_table(
        "identities",
        sa.Column("blind_index", sa.LargeBinary, primary_key=True),
        sa.Column("subject", sa.Uuid, nullable=False, unique=True),
    )
    op.create_table(
        "participations",
        sa.Column("program", sa.Uuid, nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("participant", sa.Uuid, nullable=False, unique=True),
        sa.PrimaryKeyConstraint("program", "subject", name="participations_pkey"),
    )
    op.create_index("participations_program", "participations", ["program", "participant"])
    op.create_index("participations_subject", "participations", ["subject"])
    op.create_table(
        "reporting_lines",
        sa.Column("subject", sa.Uuid, primary_key=True),
        sa.Column("manager", sa.Uuid, nullable=False),
    )
    op.create_table(
        "participants",
        sa.Column("participant", sa.Uuid, primary_key=True),
        sa.Column("program", sa.Uuid, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
    )
    op.create_index("participants_program", "participants", ["program", "region"])
    op.create_table(
        "programs",
        sa.Column("program", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
