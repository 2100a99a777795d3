"""Personal fields at rest: one AES-256-GCM data key a subject, wrapped by a key-encryption key (NIST SP 800-38D).

Destroying a subject's row in `subject_keys` makes every personal field under it unreadable, in the log too.
"""

import base64
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import LargeBinary, Text, Uuid, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from events.runtime.database import any_of, unnest
from events.runtime.schema import subject_keys

_KEYS = select(subject_keys.c.subject, subject_keys.c.wrapped).where(
    subject_keys.c.subject == any_of("subjects", Uuid())
)
_NEW = unnest("new", subject=Uuid(), wrapped=LargeBinary(), wrapped_with=Text())
_INSERT = (
    insert(subject_keys)
    .from_select(["subject", "wrapped", "wrapped_with"], select(_NEW).order_by(_NEW.c.subject))
    .on_conflict_do_nothing()
)
_NONCE = 12
_KEY_BYTES = 32
_SEALED = "sealed:1:"


class KeyWrapper(Protocol):
    """Wraps data keys. A vault or KMS implements this; `FileKeyWrapper` is for a key in a file."""

    @property
    def name(self) -> str:
        """Which key-encryption key wraps new keys; stored beside them, so that a rotation knows what is old."""

    def wrap(self, key: bytes, subject: UUID) -> bytes:
        """Encrypt a data key for a subject."""

    def unwrap(self, wrapped: bytes, subject: UUID) -> bytes:
        """The data key again. Raises UnreadableKey."""


class UnreadableKey(ValueError):
    """A data key or a sealed field was changed, or belongs to another key, subject, event or field."""


class UnusableKey(ValueError):
    """A key file does not hold what it must. The message names the file, never what stands in it."""


def read_key(path: Path) -> bytes:
    """A 256-bit key, base64 in a file. Raises UnusableKey."""
    try:
        key = base64.b64decode(path.read_text().strip(), validate=True)
    except (OSError, ValueError) as error:
        raise UnusableKey(f"{path} cannot be read as base64 ({type(error).__name__})") from None
    if len(key) != _KEY_BYTES:
        raise UnusableKey(f"{path} holds {len(key)} bytes; {_KEY_BYTES} are needed")
    return key


class FileKeyWrapper:
    """Key-encryption key from a file."""

    def __init__(self, key: bytes, name: str = "file") -> None:
        self._cipher = AESGCM(key)
        self._name = name

    @property
    def name(self) -> str:
        """Which key-encryption key this is."""
        return self._name

    def wrap(self, key: bytes, subject: UUID) -> bytes:
        """Encrypt a data key, bound to its subject."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, key, subject.bytes)

    def unwrap(self, wrapped: bytes, subject: UUID) -> bytes:
        """The data key again. Raises UnreadableKey."""
        try:
            return self._cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], subject.bytes)
        except InvalidTag:
            raise UnreadableKey(f"the key of subject {subject} does not open with {self._name}") from None


def seal(key: bytes, plaintext: bytes, event_id: UUID, field: str) -> str:
    """Encrypt one field of one event."""
    nonce = os.urandom(_NONCE)
    sealed = nonce + AESGCM(key).encrypt(nonce, plaintext, event_id.bytes + field.encode())
    return _SEALED + base64.b64encode(sealed).decode()


def unseal(key: bytes, sealed: str, event_id: UUID, field: str) -> bytes:
    """Decrypt what `seal` made. Raises UnreadableKey."""
    raw = base64.b64decode(sealed.removeprefix(_SEALED))
    try:
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], event_id.bytes + field.encode())
    except InvalidTag:
        raise UnreadableKey(f"field {field} of event {event_id} does not open with its owner's key") from None


class Keyring:
    """Data keys of subjects, in sets. Caches nothing: a destroyed key must be gone everywhere at once."""

    def __init__(self, pool: AsyncEngine, wrapper: KeyWrapper) -> None:
        self._pool = pool
        self._wrapper = wrapper

    async def keys(self, subjects: Iterable[UUID]) -> Mapping[UUID, bytes]:
        """Keys of those subjects that have one."""
        wanted = set(subjects)
        if not wanted:
            return {}
        async with self._pool.connect() as conn:
            rows = await conn.execute(_KEYS, {"subjects": list(wanted)})
            return {subject: self._wrapper.unwrap(wrapped, subject) for subject, wrapped in rows}

    async def ensure(self, subjects: Iterable[UUID]) -> Mapping[UUID, bytes]:
        """Keys of all these subjects; missing ones are made.

        Runs in a transaction of its own: in the command's, it would take the transaction id before the append does.
        """
        wanted = set(subjects)
        found = dict(await self.keys(wanted))
        missing = sorted(wanted - found.keys())
        if missing:
            new = {
                "subject": missing,
                "wrapped": [self._wrapper.wrap(AESGCM.generate_key(256), subject) for subject in missing],
                "wrapped_with": [self._wrapper.name] * len(missing),
            }
            async with self._pool.begin() as conn:
                await conn.execute(_INSERT, new)
            found |= await self.keys(missing)
        return found
