"""Environment of the sessions service."""

from events.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Nothing beyond what every service needs."""
