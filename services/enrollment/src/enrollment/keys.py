"""The key that signs tokens, in a file: a private JSON Web Key (RFC 7517, RFC 8037)."""

import json
import os
from contextlib import suppress
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from events.runtime.encryption import UnusableKey


def signing_key(path: Path, *, make: bool) -> OKPKey:
    """The key that signs tokens, named by its thumbprint (RFC 7638). With `make`, a new one when there is no file.

    Raises UnusableKey.
    """
    if make and not path.exists():
        _write_once(path, json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)))
    try:
        given = json.loads(path.read_text())
        # Without `alg`: RFC 9864 calls it Ed25519, and a key that says EdDSA would refuse to sign as that.
        key = OKPKey.import_key({name: given[name] for name in ("kty", "crv", "x", "d")})
    except (OSError, ValueError, TypeError, KeyError, JoseError) as error:
        raise UnusableKey(f"{path} is no private JWK with an Ed25519 key ({type(error).__name__})") from None
    if key.curve_name != "Ed25519":
        raise UnusableKey(f"{path} holds a key on {key.curve_name}; Ed25519 is needed")
    return OKPKey.import_key(key.as_dict(private=True) | {"use": "sig", "kid": key.thumbprint()})


def _write_once(path: Path, text: str) -> None:
    """Readable by the owner alone. When two processes start at once, the first one's key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
