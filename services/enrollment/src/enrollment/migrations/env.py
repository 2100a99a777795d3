"""Alembic's entry."""

from events.runtime.migrations import run

run()
