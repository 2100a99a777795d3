"""Settings of a sessions process, from its environment."""

from events.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service needs, and nothing more."""
