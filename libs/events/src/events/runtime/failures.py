"""Why a message failed, in words that quote nothing, and whether the message is to blame or the world."""

from sqlalchemy.exc import IntegrityError

from events.contracts.envelope import MalformedMessage
from events.runtime.database import is_transient
from events.runtime.effects import Poison
from events.runtime.inbox import OvertakenByAMember
from events.runtime.private_events import UnknownEventType
from events.runtime.refusals import Refusal

_OF_THE_MESSAGE = ("22", "23")
"""Classes of SQLSTATE for what was to be written: data exceptions and violated constraints."""


def raced_at_the_inbox(error: Exception) -> bool:
    """Another member of the group settled some of these messages meanwhile: a zombie, or a rebalance."""
    if isinstance(error, IntegrityError):
        return any(key in str(error.orig) for key in ("inbox_pkey", "waiting_pkey"))
    return isinstance(error, OvertakenByAMember)


def may_pass(error: BaseException | None) -> bool:
    """Whether a failure may be the world's: a full disk, a lock that was not to be had, a query that was cancelled.

    Or a newer version's: what that has appended, this process cannot read, and the one that takes its place can.
    """
    while error is not None:
        if isinstance(error, (OSError, MemoryError, UnknownEventType)) or is_transient(error):
            return True
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str):
            return not state.startswith(_OF_THE_MESSAGE)
        error = error.__cause__
    return False


def reason(error: BaseException) -> str:
    """Why a message failed, for logs and `/readyz`. Our own errors promise to name no values; of others, the type."""
    cause = error.__cause__ if isinstance(error, Poison) and error.__cause__ else error
    name = type(cause).__name__
    return f"{name}: {cause}" if isinstance(cause, (MalformedMessage, Refusal)) else name
