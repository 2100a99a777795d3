"""Keys and passwords of a local platform: made once, readable by their owner alone."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from viceversa.platform.folder import write_private
from viceversa.platform.refusal import PlatformRefused


class Keys:
    """Paths of key files; each is made when it is asked for first."""

    def __init__(self, folder: Path, *, data_exists: bool) -> None:
        if data_exists and not any(folder.glob("*")):
            raise PlatformRefused(
                f"{folder} is empty but the databases beside it are not: without their keys nobody can read them. "
                f"Restore the folder, or begin anew by deleting {folder.parent}"
            )
        self._folder = folder

    def key_encryption(self, service: str) -> Path:
        """32 bytes in base64: wraps the keys of the people that one service knows."""
        return self._once(f"{service}.key-encryption", _random_key)

    def blind_index(self) -> Path:
        """32 bytes in base64: finds an encrypted external id."""
        return self._once("blind-index", _random_key)

    def transport(self) -> Path:
        """32 bytes in base64: what enrollment seals for matching."""
        return self._once("transport", _random_key)

    def token_signing(self) -> Path:
        """Private JWK: signs the platform's access tokens."""
        return self._once("token-signing.jwk", _signing_key)

    def identity_provider(self) -> Path:
        """Private JWK: signs the identity provider's tokens."""
        return self._once("identity-provider.jwk", _signing_key)

    def password(self, role: str) -> str:
        """Password of a database role."""
        return self._once(f"{role}.password", lambda: secrets.token_hex(24)).read_text(encoding="utf-8").strip()

    def _once(self, name: str, make: Callable[[], str]) -> Path:
        path = self._folder / name
        if not path.exists():
            write_private(path, make() + "\n")
        return path


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _signing_key() -> str:
    """An Ed25519 key as a JSON Web Key (RFC 8037) that is named by its thumbprint (RFC 7638)."""
    private = Ed25519PrivateKey.generate()
    public = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(private.public_key().public_bytes_raw())}
    thumbprint = hashlib.sha256(json.dumps(public, separators=(",", ":"), sort_keys=True).encode()).digest()
    return json.dumps(
        {
            **public,
            "d": _base64url(private.private_bytes_raw()),
            "use": "sig",
            "kid": _base64url(thumbprint),
        }
    )


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
