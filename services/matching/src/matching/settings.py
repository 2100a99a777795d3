"""Settings of a matching process, from its environment."""

from pathlib import Path

from events.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service needs, and the key under which enrollment seals identities."""

    transport_key_file: Path
    """32 bytes, base64."""
