"""How an operator reaches services: all of a platform by its data folder, or one by its URL and a token.

Every command of `viceversa.operations` takes the options `Data` and `Url` and does its work by `operate`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import httpx
import typer

from viceversa.client import Caller, Platform, Refused
from viceversa.platform.description import read_description
from viceversa.platform.folder import DataFolder
from viceversa.platform.refusal import PlatformRefused

TOKEN = "VICEVERSA_TOKEN"  # noqa: S105 - the name of the variable
"""Environment variable that holds an operator's token for a service named by its URL."""

DEFAULT_DATA = Path(".viceversa")
Data = Annotated[Path, typer.Option(help="Folder of the local platform whose services are meant.")]
Url = Annotated[
    str | None,
    typer.Option(help=f"A service by its URL instead, with an operator's token in {TOKEN}.", metavar="URL"),
]

_SIGNED_IN_AS = "command line"
_SECONDS = 30.0
_UNAUTHENTICATED, _NOT_FOUND = httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Connection:
    """The services that answer here, by name, and an operator who calls them."""

    services: tuple[str, ...]
    operator: Caller

    def only(self, service: str | None) -> tuple[str, ...]:
        """The service of that name, or all. Raises PlatformRefused."""
        if service is None:
            return self.services
        if service not in self.services:
            raise PlatformRefused(f"there is no service {service!r} here; there is {', '.join(self.services)}")
        return (service,)


def operate(work: Callable[[Connection], Awaitable[T]], data: Path, url: str | None) -> T:
    """Do an operator's work. Raises PlatformRefused where nothing answers or the operator is turned away."""
    return asyncio.run(_operate(work, data, url))


async def _operate(work: Callable[[Connection], Awaitable[T]], data: Path, url: str | None) -> T:
    async with connected(data, url) as connection:
        try:
            return await work(connection)
        except httpx.TransportError as error:
            raise PlatformRefused(f"{_address(error)} does not answer ({type(error).__name__})") from error
        except Refused as refused:
            raise PlatformRefused(_turned_away(refused)) from refused


@asynccontextmanager
async def connected(data: Path, url: str | None) -> AsyncIterator[Connection]:
    """A connection as an operator. Raises PlatformRefused."""
    async with httpx.AsyncClient(trust_env=url is not None, timeout=_SECONDS) as http:
        if url is None:
            yield _to_folder(data, http)
        else:
            yield await _to_service(url, http)


def _to_folder(data: Path, http: httpx.AsyncClient) -> Connection:
    description = read_description(DataFolder(data).description)
    if description is None or description.state not in ("starting", "running"):
        raise PlatformRefused(f"no platform runs in {data}; name its folder by --data, or a service by --url")
    urls = {name: running.url for name, running in description.services.items()}
    platform = Platform(urls, description.identity_provider, http)
    return Connection(tuple(urls), platform.caller(_SIGNED_IN_AS, "operator"))


async def _to_service(url: str, http: httpx.AsyncClient) -> Connection:
    token = os.environ.get(TOKEN)
    if not token:
        raise PlatformRefused(f"--url needs an operator's token of that platform in the environment variable {TOKEN}")
    name = await _name_of(url.rstrip("/"), http)
    return Connection((name,), Platform({name: url}, "", http).bearer(token))


async def _name_of(url: str, http: httpx.AsyncClient) -> str:
    """A service says its name as the title of its API."""
    try:
        answer = await http.get(f"{url}/openapi.json")
        title = answer.raise_for_status().json()["info"]["title"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise PlatformRefused(f"no service of Viceversa answers at {url} ({type(error).__name__})") from error
    return str(title)


def _address(error: httpx.TransportError) -> str:
    try:
        return str(error.request.url)
    except RuntimeError:  # httpx knows of no request
        return "the service"


def _turned_away(refused: Refused) -> str:
    if refused.status == _UNAUTHENTICATED:
        return f"{refused} It has run out, or is not of this platform: put another one into {TOKEN}"
    if refused.status == _NOT_FOUND:
        return f"{refused} What one may not see does not exist: the token may lack the role of an operator"
    return str(refused)
