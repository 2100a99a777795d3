"""Tokens: what an identity provider says of a person becomes a token of this platform (RFC 8693, RFC 7519).

The platform's token names an opaque subject. An external id stays here.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet, OKPKey

from enrollment.signup_file import cells
from events.runtime.http import KeySource
from events.runtime.refusals import Refusal

LIFETIME = 3600
"""Seconds."""
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name from RFC 8693
_ROLES = frozenset({"administrator", "operator", "auditor"})
_ALGORITHMS = ["Ed25519", "EdDSA", "ES256", "ES384", "PS256", "RS256"]
"""Asymmetric ones only: with a shared secret, who can check a token can make one."""
_LONGEST = 8_192
_CLOCKS_DIFFER_BY = 30


class TokenRefused(Refusal):
    """RFC 8693, 2.2.2: whatever is wrong with the given token is an `invalid_request`."""

    slug: ClassVar[str] = "token-refused"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The identity provider's token is not accepted"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, error="invalid_request", error_description=detail)


@dataclass(frozen=True, slots=True)
class Vouched:
    """A person as the identity provider names them."""

    external_id: str
    roles: frozenset[str]


class IdentityProvider:
    """Believes what one issuer signed for this platform, by its published keys."""

    def __init__(self, keys: KeySource, issuer: str, audience: str) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_CLOCKS_DIFFER_BY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    async def vouches_for(self, token: str) -> Vouched:
        """Who the token is about. Raises TokenRefused, and KeysUnavailable of the edge."""
        if len(token) > _LONGEST:
            raise TokenRefused("subject_token is too long for a token")
        try:
            claims = self._decoded(token, await self._keys.keys())
        except (JoseError, ValueError):
            # The provider may sign with a new key.
            try:
                claims = self._decoded(token, await self._keys.keys(fresh=True))
            except (JoseError, ValueError):
                raise TokenRefused("subject_token is no JWT that the identity provider signed; sign in again") from None
        try:
            self._claims.validate(claims)
        except JoseError:
            message = "subject_token has expired, or is of another issuer or for another audience; sign in again"
            raise TokenRefused(message) from None
        roles = claims.get("roles", [])
        known = {role for role in roles if isinstance(role, str)} & _ROLES if isinstance(roles, list) else set()
        try:
            # By the rules of the sign-up file, so that a person is the same one here and there.
            return Vouched(cells.text(str(claims["sub"]), longest=100, required=True), frozenset(known))
        except cells.Misfit as misfit:
            raise TokenRefused(f"subject_token names nobody by its sub: {misfit}") from None

    @staticmethod
    def _decoded(token: str, keys: KeySet) -> dict[str, Any]:
        with warnings.catch_warnings():
            # Providers still call Ed25519 by its older name, EdDSA.
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.decode(token, keys, algorithms=_ALGORITHMS).claims


class TokenIssuer:
    """Signs the platform's tokens and publishes the key they are checked by."""

    def __init__(self, key: OKPKey, issuer: str, audience: str, seconds: Callable[[], float] = time.time) -> None:
        self._key = key
        self._issuer = issuer
        self._audience = audience
        self._seconds = seconds

    def token(self, subject: UUID, roles: frozenset[str]) -> str:
        """A token for a subject. Valid by the machine's clock: domain time may be turned, and must not prolong it."""
        now = int(self._seconds())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(subject),
            "roles": sorted(roles),
            "iat": now,
            "exp": now + LIFETIME,
            "jti": str(uuid4()),
        }
        header = {"alg": "Ed25519", "typ": "JWT", "kid": self._key.kid}
        return jwt.encode(header, claims, self._key, algorithms=["Ed25519"])

    def key_set(self) -> Mapping[str, Any]:
        """Public keys as a JWK Set (RFC 7517)."""
        return {"keys": [self._key.as_dict(private=False)]}
