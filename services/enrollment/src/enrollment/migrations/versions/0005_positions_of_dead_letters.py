"""What is dead and what waits stand in one order, so that a key's messages are applied in it."""

from alembic import op

from events.runtime.migrations import add_positions_of_dead_letters

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    add_positions_of_dead_letters(op)
