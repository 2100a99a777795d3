"""What is dead and what waits stand in one order."""

from alembic import op

from events.runtime.migrations import add_positions_of_dead_letters

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    add_positions_of_dead_letters(op)
