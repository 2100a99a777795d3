"""Messages that cannot be applied are kept, and their keys wait behind them."""

from alembic import op

from events.runtime.migrations import add_dead_letters

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    add_dead_letters(op)
