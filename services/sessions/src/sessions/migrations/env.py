"""Alembic's entry point."""

from events.runtime.migrations import run

run()
