"""A program that is over asks for no further session."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("programs", sa.Column("over", sa.Boolean, nullable=False, server_default=sa.false()))
