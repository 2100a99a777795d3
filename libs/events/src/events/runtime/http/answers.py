"""Answers and preconditions: JSON with `ETag` (RFC 9110), opaque keyset cursors."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Response
from pydantic_core import to_json

from events.runtime.refusals import PreconditionRequired, Refusal

_LONGEST_CURSOR = 500
_ETAG = re.compile(r'"(\d{1,10})"')


class BadPrecondition(Refusal):
    """`If-Match` is not an ETag of ours."""

    slug, status, title = "bad-precondition", 400, 'If-Match must be an ETag that you got, such as "3"'


class BadCursor(Refusal):
    """`cursor` is not one of ours."""

    slug, status, title = "bad-cursor", 400, "The cursor is not one that a list gave you"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer. `version` becomes the `ETag`."""

    body: Mapping[str, Any]
    status: int = 200
    version: int | None = None
    location: str | None = None

    def response(self) -> Response:
        """As HTTP."""
        headers = {}
        if self.version is not None:
            headers["etag"] = f'"{self.version}"'
        if self.location is not None:
            headers["location"] = self.location
        return Response(to_json(self.body), self.status, headers, "application/json")

    def to_json_value(self) -> dict[str, Any]:
        """As it is kept for a repeated request."""
        kept: dict[str, Any] = json.loads(to_json(asdict(self)))
        return kept

    @classmethod
    def from_json_value(cls, kept: Mapping[str, Any]) -> "Answer":
        """The answer that was kept."""
        return cls(**kept)


async def _if_match(
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="ETag of what you read", max_length=200)
    ] = None,
) -> int:
    if if_match is None:
        raise PreconditionRequired
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise BadPrecondition
    return int(found[1])


IfMatch = Annotated[int, Depends(_if_match)]
"""The version that the caller read; 428 without it."""


def encode_cursor(*place: str | int) -> str:
    """An opaque cursor for the last row of a page."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> tuple[Any, ...] | None:
    """The place that `encode_cursor` got. Raises BadCursor."""
    if cursor is None:
        return None
    if len(cursor) > _LONGEST_CURSOR:
        raise BadCursor
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise BadCursor from None
    if not isinstance(place, list):
        raise BadCursor
    return tuple(place)


def decode_id_cursor(cursor: str | None) -> UUID | None:
    """The id behind which a list goes on. Raises BadCursor."""
    match decode_cursor(cursor):
        case None:
            return None
        case (str() as place,):
            try:
                return UUID(place)
            except ValueError:
                raise BadCursor from None
    raise BadCursor
