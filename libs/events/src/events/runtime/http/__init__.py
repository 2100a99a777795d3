"""The HTTP edge: authentication, the authorization table, problem documents, `ETag`, `Idempotency-Key`, health."""

from events.runtime.http.answers import Answer, IfMatch, decode_cursor, decode_id_cursor, encode_cursor
from events.runtime.http.authentication import Authenticator, Caller, KeySource
from events.runtime.http.edge import Call, Edge

__all__ = [
    "Answer",
    "Authenticator",
    "Call",
    "Caller",
    "Edge",
    "IfMatch",
    "KeySource",
    "decode_cursor",
    "decode_id_cursor",
    "encode_cursor",
]
