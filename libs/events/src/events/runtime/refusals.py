"""Refusals: named reasons why a command is not carried out; at the HTTP edge, problem documents (RFC 9457)."""

from http import HTTPStatus
from typing import Any, ClassVar


class Refusal(Exception):
    """What, where, and how to mend it. Subclasses name `slug` (stable), `status` and `title`.

    `detail` is one sentence for a person; `extra` are further members of the problem document. No personal data.
    """

    slug: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The command was refused"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra

    @property
    def passes(self) -> bool:
        """Whether it is the service's trouble, and the same command may well be carried out a moment later."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class NotFound(Refusal):
    """It does not exist, or the caller may not know that it does."""

    slug, status, title = "not-found", 404, "There is nothing here for you"


class VersionConflict(Refusal):
    """`If-Match` names another version than the stream has."""

    slug, status, title = "version-conflict", 412, "It has changed since you read it"


class PreconditionRequired(Refusal):
    """A change without `If-Match`."""

    slug, status, title = "precondition-required", 428, "Send If-Match with the ETag that you read"


class Unavailable(Refusal):
    """The database is away. Nothing was done."""

    slug, status, title = "unavailable", 503, "A part of the service is away; try again"


class TooManyConflicts(Refusal):
    """Others kept winning the race for the same stream."""

    slug, status, title = "busy", 503, "Too many changes at once; try again"


class Overloaded(Refusal):
    """More callers wait for the database than it can serve soon."""

    slug, status, title = "overloaded", 503, "Too many requests wait already; try again"


class OutcomeUnknown(Refusal):
    """The connection was lost while the command was committed, and the database did not come back to tell."""

    slug, status, title = "outcome-unknown", 503, "It may have been carried out; read before you repeat"


class EventTooLarge(Refusal):
    """An event would not fit into one message of the broker."""

    slug, status, title = "too-large", 413, "The text is too long"


class KeyReused(Refusal):
    """An `Idempotency-Key` came back with another request."""

    slug, status, title = "idempotency-key-reused", 422, "This Idempotency-Key was used for another request"


class KeyInUse(Refusal):
    """The first request with this `Idempotency-Key` is still running."""

    slug, status, title = "idempotency-key-in-use", 409, "The first request with this Idempotency-Key still runs"
