"""`platform.json`: what runs where, for people, scripts and the platform's next start."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from viceversa.platform.folder import write_private
from viceversa.platform.refusal import PlatformRefused


class Running(BaseModel):
    """A process and where it answers."""

    url: str
    pid: int | None


class Description(BaseModel):
    """One start of the platform. It holds passwords of local databases, so only its owner may read it."""

    state: Literal["starting", "running", "stopping", "stopped"]
    broker: Literal["local broker", "kafka"]
    supervisor: int | None
    services: dict[str, Running]
    kafka: str | None
    log_epoch: str
    databases: dict[str, str]
    redis: str
    identity_provider: str
    logs: Path
    spans: Path

    def write(self, path: Path) -> None:
        """Replace the file."""
        write_private(path, self.model_dump_json(indent=2) + "\n")


def read_description(path: Path) -> Description | None:
    """The last start that was written down, or None where there was none.

    Raises:
        PlatformRefused: the file is not what the platform writes.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return Description.model_validate_json(text)
    except ValidationError as error:
        raise PlatformRefused(
            f"{path} is damaged ({error.error_count()} problems); delete it, it is made anew"
        ) from error
