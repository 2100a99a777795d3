"""HTTP as people of the enterprise speak it: a token by exchange, ETag and If-Match, an Idempotency-Key a POST.

Standards: RFC 8693 (token exchange), RFC 9110 (ETag, If-Match), RFC 9457 (problem documents),
draft-ietf-httpapi-idempotency-key-header.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from viceversa.polling import until

SERVICES = ("enrollment", "matching", "sessions", "feedback")
AT_ONCE = 16
"""Requests in flight; more only queue, on the two cores that everything shares."""
PAUSE_S = 0.05
"""Before a request is repeated; it doubles."""
_TRIES = 6
_BUSY = frozenset({429, 502, 503, 504})
_RENEW_BEFORE_S = 60.0

T = TypeVar("T")


class Refused(Exception):
    """A service said no, with a problem document."""

    def __init__(self, request: str, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{request}: {status} {problem.get('title', '')}. {problem.get('detail', '')}")
        self.status = status
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `version` is the ETag of the thing, when it has one."""

    status: int
    body: Any
    version: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Services that are ready, and messages that could not be processed and hold up their partition."""

    ready: Sequence[str]
    dead_letters: Sequence[str]


@dataclass(slots=True)
class _Token:
    value: str
    good_until: float


class Platform:
    """The public HTTP APIs of a running platform, for as many callers as one likes."""

    def __init__(self, urls: Mapping[str, str], identity_provider: str, http: httpx.AsyncClient) -> None:
        self._urls = {name: url.rstrip("/") for name, url in urls.items()}
        self._identity_provider = identity_provider.rstrip("/")
        self._http = http
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.requests = 0

    def caller(self, external_id: str, *roles: str) -> "Caller":
        """Somebody with a badge: an external id, and roles that the identity provider vouches for."""
        return Caller(self, external_id, roles)

    def bearer(self, token: str) -> "Caller":
        """Whoever a token of the platform was given to."""
        return Caller(self, "", (), _Token(token, math.inf))

    async def sign_in(self, external_id: str, roles: Iterable[str]) -> tuple[str, float]:
        """The identity provider's token, exchanged for the platform's. Answers it and the seconds it lives."""
        given = await self._send(
            "POST", f"{self._identity_provider}/token", {}, json={"external_id": external_id, "roles": list(roles)}
        )
        exchanged = await self._send(
            "POST",
            f"{self._urls['enrollment']}/v1/token",
            {},
            data={
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": given.body["token"],
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            },
        )
        return exchanged.body["access_token"], float(exchanged.body["expires_in"])

    async def standing(self) -> "Standing":
        """Whether every service does its work."""
        ready: list[str] = []
        stopped: list[str] = []
        for service in SERVICES:
            answer = await self._http.get(f"{self._urls[service]}/readyz")
            if answer.status_code == httpx.codes.OK:
                ready.append(service)
            stopped += [
                f"{service} {one['consumer']} at {one['topic']} {one['partition']}: {one['why']}"
                for one in answer.json().get("stopped_partitions", [])
            ]
            stopped += [
                f"{service} {consumer}: {number} dead letters"
                for consumer, number in answer.json().get("dead_letters", {}).items()
            ]
        return Standing(ready, stopped)

    async def request(self, method: str, service: str, path: str, headers: dict[str, str], **content: Any) -> Reply:
        """One request to a service. Raises Refused for anything but success."""
        return await self._send(method, f"{self._urls[service]}{path}", headers, **content)

    async def _send(self, method: str, url: str, headers: dict[str, str], **content: Any) -> Reply:
        """Again on a lost connection or a busy server: the Idempotency-Key in `headers` makes that harmless."""
        for attempt in range(1, _TRIES + 1):
            try:
                async with self._gate:
                    self.requests += 1
                    answer = await self._http.request(method, url, headers=headers, **content)
            except httpx.TransportError:
                if attempt == _TRIES:
                    raise
            else:
                if answer.status_code not in _BUSY or attempt == _TRIES:
                    return _reply(f"{method} {url}", answer)
            await asyncio.sleep(PAUSE_S * 2**attempt)
        raise AssertionError("unreachable: the last try answers or raises")


class Caller:
    """One person at the APIs, with one token for all services."""

    def __init__(
        self, platform: Platform, external_id: str, roles: tuple[str, ...], token: _Token | None = None
    ) -> None:
        self._platform = platform
        self._roles = roles
        self._token = token
        self._signing_in = asyncio.Lock()
        self.external_id = external_id

    async def get(self, service: str, path: str) -> Reply:
        """Read something."""
        return await self._platform.request("GET", service, path, await self._headers())

    async def get_once_it_exists(self, service: str, path: str) -> Reply:
        """Read something that an event makes: until the event has arrived, it does not exist (404)."""

        async def look() -> Reply | None:
            try:
                return await self.get(service, path)
            except Refused as refused:
                if refused.status != httpx.codes.NOT_FOUND:
                    raise
                return None

        found = await until(look, lambda reply: reply is not None)
        if found is None:
            raise LookupError(f"{path} of {service} never came to exist")
        return found

    async def put(self, service: str, path: str, body: object) -> Reply:
        """Replace something."""
        return await self._platform.request("PUT", service, path, await self._headers(), json=body)

    async def post(self, service: str, path: str, body: object = None, *, if_match: int | None = None) -> Reply:
        """Ask for a change; with `if_match`, only if the thing still has that version."""
        headers = await self._headers() | {"Idempotency-Key": str(uuid4())}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        return await self._platform.request("POST", service, path, headers, json=body)

    async def upload(self, service: str, path: str, content: bytes) -> Reply:
        """Send a CSV file."""
        headers = await self._headers() | {"Idempotency-Key": str(uuid4()), "Content-Type": "text/csv; charset=utf-8"}
        return await self._platform.request("POST", service, path, headers, content=content)

    async def change(self, service: str, thing: str, action: str, body: object = None) -> Reply:
        """POST to `thing`/`action` with the ETag of `thing`, as soon as that exists; again if somebody was quicker."""
        for attempt in range(1, _TRIES + 1):
            seen = await self.get_once_it_exists(service, thing)
            try:
                return await self.post(service, f"{thing}/{action}", body, if_match=seen.version)
            except Refused as refused:
                if refused.status != httpx.codes.PRECONDITION_FAILED or attempt == _TRIES:
                    raise
        raise AssertionError("unreachable: the last try answers or raises")

    async def pages(self, service: str, path: str, limit: int = 200) -> AsyncIterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        cursor: str | None = None
        while True:
            query = f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
            page = (await self.get(service, path + query)).body
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if cursor is None:
                return

    async def _headers(self) -> dict[str, str]:
        async with self._signing_in:
            if self._token is None or time.monotonic() > self._token.good_until:
                token, seconds = await self._platform.sign_in(self.external_id, self._roles)
                self._token = _Token(token, time.monotonic() + max(seconds - _RENEW_BEFORE_S, seconds / 2))
        return {"Authorization": f"Bearer {self._token.value}"}


def _reply(request: str, answer: httpx.Response) -> Reply:
    body = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
    if answer.is_error:
        raise Refused(request, answer.status_code, body if isinstance(body, dict) else {"detail": body})
    tag = answer.headers.get("etag")
    return Reply(answer.status_code, body, int(tag.strip('"')) if tag else None)


async def for_each(things: Iterable[T], work: Callable[[T], Awaitable[None]], done: Callable[[], None]) -> None:
    """Work on all things, `AT_ONCE` at a time; `done` is called after each. The first failure stops the rest."""
    queue = iter(list(things))

    async def worker() -> None:
        for thing in queue:
            await work(thing)
            done()

    async with asyncio.TaskGroup() as workers:
        for _ in range(AT_ONCE):
            workers.create_task(worker())


async def now(caller: Caller) -> datetime:
    """What time the platform thinks it is."""
    return datetime.fromisoformat((await caller.get("enrollment", "/v1/clock")).body["now"])


async def turn_clock(operator: Caller, to: datetime) -> None:
    """Let time pass, at every service."""
    await asyncio.gather(*(operator.put(service, "/v1/clock", {"now": to.isoformat()}) for service in SERVICES))
