"""Identities on their way to matching: AES-256-GCM under a key that only the two services have (NIST SP 800-38D)."""

import base64
import json
import os
from collections.abc import Callable
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from enrollment.domain.participant import Identity

Seal = Callable[[UUID, Identity], str | None]
"""Participant and identity → what is published; None when there is nothing to say."""

_NONCE = 12


def sealer(key: bytes) -> Seal:
    """Seal with this key: base64 of nonce and ciphertext of `{"identity": …, "wish": …}`, bound to the participant.

    The additional data is the participant's id as text: 36 characters, lower case.
    """
    cipher = AESGCM(key)

    def seal(participant: UUID, identity: Identity) -> str | None:
        if not identity:
            return None
        text = json.dumps({"identity": identity.identity, "wish": identity.wish}, ensure_ascii=False)
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + cipher.encrypt(nonce, text.encode(), str(participant).encode())).decode()

    return seal
