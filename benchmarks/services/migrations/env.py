"""Run by Alembic."""

from events.runtime.migrations import run

run()
