"""The HTTP edge of enrollment."""

from fastapi import APIRouter

from enrollment.api import callers, imports, participants, programs, sign_ups, tokens
from enrollment.identities import BlindIndex
from enrollment.tokens import IdentityProvider, TokenIssuer
from enrollment.transport import Seal
from events.runtime.http import Edge


def routes(edge: Edge, *, blind: BlindIndex, seal: Seal, provider: IdentityProvider, issuer: TokenIssuer) -> APIRouter:
    """Every route of the service."""
    router = APIRouter()
    router.include_router(tokens.routes(edge, blind=blind, provider=provider, issuer=issuer))
    router.include_router(programs.routes(edge, blind=blind))
    router.include_router(imports.routes(edge, blind=blind, seal=seal))
    router.include_router(sign_ups.routes(edge, blind=blind, seal=seal))
    router.include_router(participants.routes(edge))
    router.include_router(callers.routes(edge))
    return router
