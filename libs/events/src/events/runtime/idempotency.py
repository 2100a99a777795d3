"""Requests that carry an `Idempotency-Key`: the first is carried out, its repeats get the same answer.

The key's advisory lock comes first in the command's transaction (it takes no transaction id, so the append stays the
first write); the answer goes in with the events. Draft: draft-ietf-httpapi-idempotency-key-header.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary, Text, Uuid, cast, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.runtime.database import unnest
from events.runtime.refusals import KeyInUse, KeyReused
from events.runtime.schema import idempotent_requests
from events.runtime.streams import Outcome

Identity = tuple[UUID, str, str]

_LOCKS = unnest("locks", lock=BigInteger())
_TAKE = select(_LOCKS.c.lock, func.pg_try_advisory_xact_lock(_LOCKS.c.lock))
_KEYS = unnest("keys", subject=Uuid(), route=Text(), key=Text())
_ANSWERED = select(
    idempotent_requests.c.subject,
    idempotent_requests.c.route,
    idempotent_requests.c.key,
    idempotent_requests.c.digest,
    cast(idempotent_requests.c.answer, Text),
).join(
    _KEYS,
    (_KEYS.c.subject == idempotent_requests.c.subject)
    & (_KEYS.c.route == idempotent_requests.c.route)
    & (_KEYS.c.key == idempotent_requests.c.key),
)
_ANSWERS = unnest("answers", subject=Uuid(), route=Text(), key=Text(), digest=LargeBinary(), answer=Text())
_REMEMBER = insert(idempotent_requests).from_select(
    ["subject", "route", "key", "digest", "answer"],
    select(_ANSWERS.c.subject, _ANSWERS.c.route, _ANSWERS.c.key, _ANSWERS.c.digest, cast(_ANSWERS.c.answer, JSONB)),
)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """Whose request, for which route, and a digest of what was asked."""

    subject: UUID
    route: str
    key: str
    digest: bytes
    answer: Callable[[Outcome], Any]
    """Outcome → JSON value; a repeat of the request gets it again."""

    @property
    def identity(self) -> Identity:
        """What makes two requests the same one."""
        return (self.subject, self.route, self.key)

    @property
    def lock(self) -> int:
        """Number of the advisory lock."""
        digest = hashlib.blake2b(repr(self.identity).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


@dataclass(frozen=True, slots=True)
class Repeated:
    """The answer that the first request with this key got."""

    answer: Any


async def take(conn: AsyncConnection, requests: Sequence[IdempotentRequest]) -> set[int]:
    """Lock the keys of these requests until the transaction ends; answers the locks taken."""
    rows = await conn.execute(_TAKE, {"lock": [request.lock for request in requests]})
    return {lock for lock, taken in rows if taken}


async def answered(
    conn: AsyncConnection, requests: Sequence[IdempotentRequest]
) -> Mapping[Identity, Repeated | KeyReused]:
    """Requests that were carried out before. An absence is certain only under their locks."""
    subjects, routes, keys = zip(*(request.identity for request in requests), strict=True)
    rows = await conn.execute(_ANSWERED, {"subject": list(subjects), "route": list(routes), "key": list(keys)})
    digests = {request.identity: request.digest for request in requests}
    return {
        (subject, route, key): Repeated(json.loads(answer)) if digests[subject, route, key] == digest else KeyReused()
        for subject, route, key, digest, answer in rows
    }


async def settled_already(
    conn: AsyncConnection, requests: Sequence[IdempotentRequest]
) -> Mapping[Identity, Repeated | KeyReused | KeyInUse]:
    """Lock the requests and answer those that must not be carried out now."""
    if not requests:
        return {}
    locks = await take(conn, requests)
    # A statement of its own: its snapshot must be younger than the locks.
    before = await answered(conn, requests)
    in_use = {request.identity: KeyInUse() for request in requests if request.lock not in locks}
    return {**in_use, **before}


async def remember(conn: AsyncConnection, carried_out: Sequence[tuple[IdempotentRequest, Outcome]]) -> None:
    """Keep the answers, after the append."""
    if not carried_out:
        return
    requests = [request for request, _ in carried_out]
    await conn.execute(
        _REMEMBER,
        {
            "subject": [request.subject for request in requests],
            "route": [request.route for request in requests],
            "key": [request.key for request in requests],
            "digest": [request.digest for request in requests],
            "answer": [json.dumps(request.answer(outcome)) for request, outcome in carried_out],
        },
    )
