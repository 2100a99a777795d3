"""Bearer tokens (RFC 6750): JWTs checked against the issuer's JWKS, asymmetric algorithms only (RFC 8725)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import ClassVar, Protocol
from uuid import UUID

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from events.runtime.logs import named
from events.runtime.refusals import Refusal

_log = structlog.get_logger(__name__)

ALGORITHMS = ["Ed25519", "ES256", "PS256", "RS256"]

_FRESH_ENOUGH = 5.0
"""Seconds in which the key set is not fetched again, whatever unknown keys are named and whether it came or not."""
_AT_FIRST = 0.5
"""The same while there are no keys yet: services that start together wait for one another."""
_RENEWED_AFTER = 300.0
_OLDEST = 3_600.0
"""Seconds after which keys that cannot be renewed count no longer: the issuer may have withdrawn one."""
_LONGEST_TOKEN = 8_192


class Unauthenticated(Refusal):
    """No token, or one that this service does not accept."""

    slug: ClassVar[str] = "unauthenticated"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "Send a valid bearer token of this platform"


class KeysUnavailable(Refusal):
    """The issuer's keys could not be fetched."""

    slug: ClassVar[str] = "keys-unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "Tokens cannot be checked right now; try again"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an opaque subject, and roles that the identity provider vouches for."""

    subject: UUID
    roles: frozenset[str]


class KeySource(Protocol):
    """Where the issuer's public keys come from."""

    async def keys(self, *, fresh: bool = False) -> KeySet:
        """The key set; `fresh` asks for one that may have changed. Raises KeysUnavailable."""


class JwksUrl:
    """Keys behind a JWKS URL (RFC 7517), renewed now and then, and when a token names an unknown one."""

    def __init__(self, url: str, *, now: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._now = now
        self._keys: KeySet | None = None
        self._fetched = self._tried = float("-inf")
        self._fetching = asyncio.Lock()

    async def keys(self, *, fresh: bool = False) -> KeySet:
        """The key set. Raises KeysUnavailable."""
        is_young = self._now() - self._fetched < _RENEWED_AFTER
        # One request waits for the renewal; the others go on with the keys that there are.
        if self._keys is not None and not fresh and (is_young or self._fetching.locked()):
            return self._keys
        async with self._fetching:
            if self._now() - self._tried > (_AT_FIRST if self._keys is None else _FRESH_ENOUGH):
                self._tried = self._now()
                await self._renew()
            if self._keys is None or self._now() - self._fetched > _OLDEST:
                raise KeysUnavailable
            return self._keys

    async def _renew(self) -> None:
        try:
            self._keys = await self._fetch()
        except KeysUnavailable as error:
            _log.warning("the issuer's keys could not be fetched", error=named(error))
        else:
            self._fetched = self._now()

    async def _fetch(self) -> KeySet:
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                answer = await client.get(self._url)
                answer.raise_for_status()
                return KeySet.import_key_set(answer.json())
        except (httpx.HTTPError, JoseError, ValueError, KeyError) as error:
            raise KeysUnavailable from error


class Authenticator:
    """Turns a bearer token into a caller."""

    def __init__(self, keys: KeySource, issuer: str, audience: str) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    async def caller(self, authorization: str | None) -> Caller:
        """Raises Unauthenticated, KeysUnavailable."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not value or len(value) > _LONGEST_TOKEN:
            raise Unauthenticated
        try:
            token = jwt.decode(value, await self._keys.keys(), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # The issuer may have a new key.
            try:
                token = jwt.decode(value, await self._keys.keys(fresh=True), algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                raise Unauthenticated from None
        try:
            self._claims.validate(token.claims)
            roles = token.claims.get("roles", [])
            return Caller(UUID(token.claims["sub"]), frozenset(role for role in roles if isinstance(role, str)))
        except (JoseError, ValueError, TypeError, AttributeError):
            raise Unauthenticated from None
