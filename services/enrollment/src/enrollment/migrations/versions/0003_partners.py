"""Who is or was in a pair with whom."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "partners",
        sa.Column("participant", sa.Uuid, nullable=False),
        sa.Column("partner", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("participant", "partner", name="partners_pkey"),
    )
