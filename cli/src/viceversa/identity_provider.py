"""A stand-in for an enterprise's identity provider: tokens for sample people, on one machine only.

It signs a token (JWT, RFC 7519, with Ed25519, RFC 9864) for whomever it is asked, so it refuses to start in production.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings

_LIFETIME = 12 * 3600
_ALGORITHM = "Ed25519"


class Settings(BaseSettings):
    """From the environment, by these names in capitals."""

    environment: str
    host: str = "127.0.0.1"
    port: int
    issuer: str
    audience: str = "viceversa"
    signing_key_file: Path


class Person(BaseModel):
    """Who asks for a token."""

    model_config = ConfigDict(extra="forbid")

    external_id: Annotated[str, Field(min_length=1, max_length=200)]
    roles: Annotated[list[Literal["administrator", "operator", "auditor"]], Field(max_length=3)] = []


def application(*, issuer: str, audience: str, key: OKPKey) -> FastAPI:
    """The provider's three routes."""
    app = FastAPI(title="Identity provider of a local Viceversa", docs_url=None, redoc_url=None)
    public: dict[str, object] = {"keys": [key.as_dict(private=False)]}

    @app.post("/token")
    async def token(person: Person) -> dict[str, str]:
        now = int(time.time())
        claims = {
            "iss": issuer,
            "aud": audience,
            "sub": person.external_id,
            "roles": person.roles,
            "iat": now,
            "exp": now + _LIFETIME,
        }
        header = {"alg": _ALGORITHM, "typ": "JWT", "kid": key.kid}
        return {"token": jwt.encode(header, claims, key, algorithms=[_ALGORITHM])}

    @app.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, object]:
        return public

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}

    return app


def main() -> None:
    """Serve until a signal ends the process."""
    settings = Settings()
    if settings.environment == "production":
        raise SystemExit("the sample identity provider gives anyone any identity; production has its own")
    key = OKPKey.import_key(json.loads(settings.signing_key_file.read_text(encoding="utf-8")))
    app = application(issuer=settings.issuer, audience=settings.audience, key=key)
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="info", access_log=False)


if __name__ == "__main__":
    main()
