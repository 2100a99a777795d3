"""Messages that cannot be applied are kept, and their keys wait behind them."""

from alembic import op

from events.runtime.migrations import add_dead_letters

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    add_dead_letters(op)
