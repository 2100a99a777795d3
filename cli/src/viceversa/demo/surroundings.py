"""The platform that the demo meets: one of its own, or one that runs already."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError, field_validator

from viceversa.client import SERVICES
from viceversa.platform.local import LocalPlatform
from viceversa.platform.refusal import PlatformRefused


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a platform answers, and where its processes keep their spans."""

    urls: Mapping[str, str]
    identity_provider: str
    kafka: str
    spans: Path
    described_in: Path


class _Service(BaseModel):
    url: str


class _Description(BaseModel):
    """What the demo needs of `platform.json`; others may write it by hand."""

    services: dict[str, _Service]
    identity_provider: str
    kafka: str
    spans: Path | None = None

    @field_validator("services")
    @classmethod
    def _all_of_them(cls, services: dict[str, _Service]) -> dict[str, _Service]:
        missing = [name for name in SERVICES if name not in services]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        return services


@asynccontextmanager
async def started(data: Path, kafka: str | None) -> AsyncIterator[Surroundings]:
    """A platform of the demo's own; it stops when the block is left. Raises PlatformRefused."""
    async with LocalPlatform(data, kafka) as platform:
        yield Surroundings(
            urls=platform.urls,
            identity_provider=platform.identity_provider,
            kafka=platform.kafka,
            spans=platform.data / "spans",
            described_in=platform.data / "platform.json",
        )


@asynccontextmanager
async def running(file: Path) -> AsyncIterator[Surroundings]:
    """A platform that somebody else runs, by its description. Raises PlatformRefused."""
    yield described(file)


def described(file: Path) -> Surroundings:
    """Read `platform.json`. Without a folder named for spans they lie beside the file. Raises PlatformRefused."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlatformRefused(f"there is no {file}; a running platform keeps its description there") from None
    try:
        description = _Description.model_validate_json(text)
    except ValidationError as error:
        raise PlatformRefused(f"{file} does not describe a running platform: {error.error_count()} problems") from error
    return Surroundings(
        urls={name: description.services[name].url for name in SERVICES},
        identity_provider=description.identity_provider,
        kafka=description.kafka,
        spans=description.spans or file.parent / "spans",
        described_in=file,
    )
