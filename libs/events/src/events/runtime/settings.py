"""Settings that every service has. From the environment, names in capitals."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Role = Literal["api", "relay", "consumer", "projector"]
ALL_ROLES: tuple[Role, ...] = ("api", "relay", "consumer", "projector")


class ServiceSettings(BaseSettings):
    """How one process of a service is run. A service with settings of its own subclasses this."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str
    kafka_bootstrap_servers: str = "localhost:9092"
    redis_url: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    roles: Annotated[tuple[Role, ...], NoDecode] = ALL_ROLES
    environment: Literal["local", "production"] = "production"
    cell: str = "local"
    log_epoch: str = ""
    """Names one lifetime of a broker that forgets; relays publish from the beginning to a new one."""
    relay_shards: Annotated[int, Field(ge=1, le=64)] = 1
    """Parts of the log that are published side by side; as many processes may lead at once."""
    clock_turnable: bool = False
    spans_file: Path | None = None
    key_encryption_key_file: Path
    public_url: str = ""
    """Where other systems reach this service; stands in `ce_dataschema`."""
    longest_wait_seconds: Annotated[float, Field(gt=0)] = 3600
    """After which a message whose cause has not come is a dead letter."""
    stands_still_after_seconds: Annotated[float, Field(gt=0)] = 120
    """After which whatever is behind and does not get on makes the process ask for a restart (`/livez`)."""
    token_issuer: str
    token_audience: str
    token_jwks_url: str
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("roles", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(role.strip() for role in value.split(",") if role.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _production_is_no_playground(self) -> "ServiceSettings":
        if self.environment == "production":
            if self.clock_turnable or self.log_epoch:
                raise ValueError("CLOCK_TURNABLE and LOG_EPOCH are for a local platform only")
            if "relay" in self.roles and not self.public_url:
                raise ValueError("PUBLIC_URL is needed: it stands in every event, so that subscribers find its schema")
        return self
