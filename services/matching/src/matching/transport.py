"""Identities as enrollment sends them: AES-256-GCM under a key that only the two services have (NIST SP 800-38D)."""

import base64
from collections.abc import Callable
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from matching.domain.candidate import Identity

Open = Callable[[UUID, str | None], Identity | None]
"""Participant and what was published → the identity; None where nothing was said."""

_NONCE = 12


class SealBroken(ValueError):
    """A sealed identity does not open: another key or participant, a changed text, or no identity in it."""


def opener(key: bytes) -> Open:
    """Open what was sealed with this key for that participant."""
    cipher = AESGCM(key)

    def unseal(participant: UUID, sealed: str | None) -> Identity | None:
        if sealed is None:
            return None
        try:
            raw = base64.b64decode(sealed, validate=True)
            text = cipher.decrypt(raw[:_NONCE], raw[_NONCE:], str(participant).encode())
            return Identity.model_validate_json(text)
        except (InvalidTag, ValueError):
            # Without its cause: a validation error says what was sealed.
            raise SealBroken(f"the identity of participant {participant} does not open") from None

    return unseal
