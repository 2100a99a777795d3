"""Clients of the public HTTP APIs: patient ones, impatient ones, and some that hang up half-way.

A client knows three things of a command: it was carried out, it was refused, or (a lost answer) nothing.
"""

import asyncio
import json
import random
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from chaos.journal import Effect, Journal, Outcome
from viceversa.client import Platform as Apis

_TRIES = 6
_PAUSE = 0.2
_REFUSED_FOR_NOW = frozenset({"busy", "overloaded"})
"""Problem types with status 503 that say that nothing was carried out."""
_STILL_RUNS = "idempotency-key-in-use"
_TOKEN_LASTS = 240.0
_HANGS_UP, _IMPATIENT, _SENDS_ALL = 0.08, 0.12, 0.8
"""Shares of the tempers, and of those who hang up only when all is sent."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    body: Any
    version: int | None

    @property
    def problem(self) -> str:
        """The end of a problem document's type."""
        return str(self.body.get("type", "")).rpartition(":")[2] if isinstance(self.body, dict) else ""


@dataclass
class Clients:
    """Everybody who talks to the platform."""

    apis: Apis
    urls: Mapping[str, str]
    http: httpx.AsyncClient
    journal: Journal
    dice: random.Random
    roles: Mapping[str, str] = field(default_factory=dict)
    """What the identity provider vouches for, by external id."""
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def token(self, who: str) -> str:
        """Their bearer token; signs them in where that was not done lately."""
        token, until = self._tokens.get(who, ("", 0.0))
        if time.monotonic() > until:
            roles = [self.roles[who]] if who in self.roles else []
            token, lives = await self.apis.sign_in(who, roles)
            self._tokens[who] = (token, time.monotonic() + min(lives / 2, _TOKEN_LASTS))
        return token

    async def look(self, who: str, service: str, path: str) -> Reply | None:
        """Read something; None where no good answer comes."""
        try:
            headers = {"Authorization": f"Bearer {await self.token(who)}"}
            answer = _reply(await self.http.get(self.urls[service] + path, headers=headers, timeout=5))
        except httpx.TransportError:
            return None
        return answer if answer.status == httpx.codes.OK else None

    async def ask(
        self, name: str, who: str, path: str, effect: Effect, *, body: object = None, if_match: int | None = None
    ) -> Reply | None:
        """One command, in one of the tempers. Its outcome goes into the journal; answers what came where it is ok."""
        headers = {"Authorization": f"Bearer {await self.token(who)}", "Idempotency-Key": str(uuid4())}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        temper = self.dice.random()
        url = self.urls[effect.service] + path
        number = self.journal.asked(name, effect)
        if temper < _HANGS_UP:
            await self._hang_up(url, headers, body)
            self.journal.ended(number, Outcome.UNKNOWN, "hung up")
            return None
        if temper < _HANGS_UP + _IMPATIENT:
            return await self._once(number, url, headers, body, within=self.dice.uniform(0.005, 0.3))
        return await self._until_it_answers(number, url, headers, body)

    async def _once(
        self, number: int, url: str, headers: Mapping[str, str], body: object, *, within: float
    ) -> Reply | None:
        try:
            reply = _reply(await self.http.post(url, json=body, headers=headers, timeout=within))
        except httpx.TransportError as error:
            self.journal.ended(number, _of_transport(error), type(error).__name__)
            return None
        self.journal.ended(number, _of_reply(reply), f"{reply.status} {reply.problem}")
        return reply if _of_reply(reply) is Outcome.OK else None

    async def _until_it_answers(self, number: int, url: str, headers: Mapping[str, str], body: object) -> Reply | None:
        """Again with the same Idempotency-Key. A refusal after a lost answer does not say what became of that one."""
        lost = False
        for attempt in range(_TRIES):
            try:
                reply = _reply(await self.http.post(url, json=body, headers=headers, timeout=5))
            except httpx.TransportError as error:
                lost = lost or _of_transport(error) is Outcome.UNKNOWN
            else:
                outcome = _of_reply(reply)
                if outcome is Outcome.OK:
                    self.journal.ended(number, outcome, str(reply.status))
                    return reply
                again = outcome is Outcome.UNKNOWN or reply.problem in {*_REFUSED_FOR_NOW, _STILL_RUNS}
                lost = lost or outcome is Outcome.UNKNOWN or reply.problem == _STILL_RUNS
                if not again:
                    outcome = Outcome.UNKNOWN if lost else Outcome.FAILED
                    self.journal.ended(number, outcome, f"{reply.status} {reply.problem}")
                    return None
            await asyncio.sleep(_PAUSE * 2**attempt)
        self.journal.ended(number, Outcome.UNKNOWN if lost else Outcome.FAILED, "gave up")
        return None

    async def _hang_up(self, url: str, headers: Mapping[str, str], body: object) -> None:
        """Send the request, or a part of it, and close the connection."""
        parts = urlsplit(url)
        content = json.dumps(body).encode()
        trace = secrets.token_hex(16)
        self.journal.began(trace)
        lines = [
            f"POST {parts.path} HTTP/1.1",
            f"host: {parts.netloc}",
            "content-type: application/json",
            f"content-length: {len(content)}",
            f"traceparent: 00-{trace}-{secrets.token_hex(8)}-01",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        request = "\r\n".join(lines).encode() + b"\r\n\r\n" + content
        whole = self.dice.random() < _SENDS_ALL
        with suppress(OSError):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(request if whole else request[:-5])
            await writer.drain()
            await asyncio.sleep(self.dice.uniform(0, 0.05))
            writer.transport.abort()


def traced(journal: Journal) -> httpx.AsyncClient:
    """HTTP whose every request begins a trace that the journal knows."""

    async def begin(request: httpx.Request) -> None:
        trace = secrets.token_hex(16)
        request.headers["traceparent"] = f"00-{trace}-{secrets.token_hex(8)}-01"
        if request.method != "GET":
            journal.began(trace)

    limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
    return httpx.AsyncClient(limits=limits, timeout=30, trust_env=False, event_hooks={"request": [begin]})


def _reply(answer: httpx.Response) -> Reply:
    body = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
    tag = answer.headers.get("etag")
    return Reply(answer.status_code, body, int(tag.strip('"')) if tag else None)


def _of_reply(reply: Reply) -> Outcome:
    if reply.status < httpx.codes.BAD_REQUEST:
        return Outcome.OK
    if reply.status >= httpx.codes.INTERNAL_SERVER_ERROR and reply.problem not in _REFUSED_FOR_NOW:
        return Outcome.UNKNOWN
    return Outcome.FAILED


def _of_transport(error: httpx.TransportError) -> Outcome:
    """Who never got a connection sent nothing."""
    return Outcome.FAILED if isinstance(error, httpx.ConnectError | httpx.PoolTimeout) else Outcome.UNKNOWN
