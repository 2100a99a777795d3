"""Identities on their way to matching: AES-256-GCM under a key that only the two services have (NIST SP 800-38D)."""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from enrollment.domain.participant import Identity

Seal = Callable[[UUID, Identity], str | None]
"""Participant and identity → what is published; None when there is nothing to say."""

_NONCE = 12
_KEY = 32


class UnusableKey(ValueError):
    """A key file does not hold 32 bytes in base64."""


def key_from(path: Path) -> bytes:
    """A key of 32 bytes from a file that holds it in base64. Raises UnusableKey."""
    try:
        key = base64.b64decode(path.read_text().strip(), validate=True)
    except ValueError:
        raise UnusableKey(f"{path} is not base64") from None
    if len(key) != _KEY:
        raise UnusableKey(f"{path} holds {len(key)} bytes; {_KEY} are needed")
    return key


def sealer(key: bytes) -> Seal:
    """Seal with this key: base64 of nonce and ciphertext of `{"identity": …, "wish": …}`, bound to the participant."""
    cipher = AESGCM(key)

    def seal(participant: UUID, identity: Identity) -> str | None:
        if not identity:
            return None
        text = json.dumps({"identity": identity.identity, "wish": identity.wish}, ensure_ascii=False)
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + cipher.encrypt(nonce, text.encode(), str(participant).encode())).decode()

    return seal
