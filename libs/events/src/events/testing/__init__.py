"""What the tests of every service need: a real PostgreSQL, and patience with a limit. Never imported by the runtime."""

from events.testing.eventually import eventually

__all__ = ["eventually"]
