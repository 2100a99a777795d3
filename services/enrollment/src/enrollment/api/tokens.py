"""Token exchange (RFC 8693) and the keys that the platform's tokens are checked by (RFC 7517)."""

from typing import Annotated

from fastapi import APIRouter, Form, Response
from pydantic_core import to_json

from enrollment import identities
from enrollment.identities import BlindIndex
from enrollment.tokens import ACCESS_TOKEN, LIFETIME, IdentityProvider, TokenIssuer, TokenRefused
from events.runtime.http import Answer, Edge
from events.runtime.refusals import Refusal

_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name from RFC 8693
_Field = Annotated[str, Form(max_length=10_000)]


class UnsupportedGrant(Refusal):
    """RFC 6749, 5.2."""

    slug, status, title = "unsupported-grant", 400, "Only a token exchange is offered here"


def routes(edge: Edge, *, blind: BlindIndex, provider: IdentityProvider, issuer: TokenIssuer) -> APIRouter:
    """`POST /v1/token` and `GET /.well-known/jwks.json`."""
    router = APIRouter(tags=["tokens"])

    @router.post("/v1/token", **edge.action("token.exchange"))
    async def exchange(
        grant_type: _Field = "",
        subject_token: _Field = "",
        subject_token_type: _Field = "",
        requested_token_type: _Field = ACCESS_TOKEN,
    ) -> Response:
        """Give the identity provider's token, get one of this platform, which names an opaque subject."""
        if grant_type != _GRANT:
            message = f"grant_type must be {_GRANT}"
            raise UnsupportedGrant(message, error="unsupported_grant_type", error_description=message)
        if subject_token_type not in (_JWT, _ID_TOKEN, ACCESS_TOKEN):
            raise TokenRefused(f"subject_token_type must be {_JWT}")
        if requested_token_type not in (_JWT, ACCESS_TOKEN):
            raise TokenRefused(f"requested_token_type must be {ACCESS_TOKEN}, or absent")
        if not subject_token:
            raise TokenRefused("subject_token is missing")
        vouched = await provider.vouches_for(subject_token)
        async with edge.commands.pool.begin() as conn:
            subjects = await identities.subjects_of(conn, blind, [vouched.external_id], allocate=True)
        answer = {
            "access_token": issuer.token(subjects[vouched.external_id], vouched.roles),
            "issued_token_type": requested_token_type,
            "token_type": "Bearer",
            "expires_in": LIFETIME,
        }
        return Response(to_json(answer), 200, {"cache-control": "no-store"}, "application/json")

    @router.get("/.well-known/jwks.json", **edge.action("keys.read"))
    async def key_set() -> Response:
        return Answer(issuer.key_set()).response()

    return router
