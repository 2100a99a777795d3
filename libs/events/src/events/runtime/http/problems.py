"""Refusals and failures as problem documents (RFC 9457, `application/problem+json`) with a stable `type`."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from events.runtime.database import is_transient
from events.runtime.logs import named
from events.runtime.private_events import UnknownEventType
from events.runtime.refusals import Refusal, Unavailable

_log = structlog.get_logger(__name__)

_TYPES = "urn:problem-type:"
_RETRY_SECONDS = "1"


class Problem(BaseModel):
    """What went wrong, where, and how to mend it."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[dict[str, str]] | None = None


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused", "content": {"application/problem+json": {"schema": Problem.model_json_schema()}}}
}


def problem(status: int, slug: str, title: str, detail: str = "", **extra: Any) -> Response:
    """A problem document. Says the trace, so that an operator can find the request."""
    body: dict[str, Any] = {"type": _TYPES + slug, "title": title, "status": status, **extra}
    if detail and detail != title:
        body["detail"] = detail
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        body["trace"] = format(span.trace_id, "032x")
    headers = {}
    if status == 401:  # noqa: PLR2004 - an HTTP status reads best as its number
        headers["www-authenticate"] = "Bearer"
    if status == 503:  # noqa: PLR2004
        headers["retry-after"] = _RETRY_SECONDS
    return Response(to_json(body), status, headers, "application/problem+json")


async def _refused(_: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else Refusal()
    return problem(refusal.status, refusal.slug, refusal.title, refusal.detail, **refusal.extra)


async def _invalid(_: Request, error: Exception) -> Response:
    # What the caller sent is not repeated: it may be personal, and logs or proxies keep answers.
    errors = [
        {"where": ".".join(map(str, found["loc"])), "what": found["msg"]}
        for found in (error.errors() if isinstance(error, RequestValidationError) else [])
    ]
    return problem(422, "invalid", "The request does not fit; see errors", errors=errors)


async def _http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    slugs = {404: ("not-found", "There is nothing here for you"), 405: ("method-not-allowed", "Not with this method")}
    slug, title = slugs.get(status, ("http-error", str(getattr(error, "detail", "")) or "The request failed"))
    return problem(status, slug, title)


async def _failed(_: Request, error: Exception) -> Response:
    if is_transient(error):
        _log.warning("a request met a database that is away", error=named(error))
        return problem(Unavailable.status, Unavailable.slug, Unavailable.title)
    if isinstance(error, UnknownEventType):
        _log.warning("a newer version of this service wrote what was to be read", error=named(error))
        return problem(503, "newer-version", "A newer version of the service has written here; try again")
    _log.error("a request failed", exc_info=error)
    return problem(500, "failed", "Something broke on our side; it is logged under this trace")


def install(app: FastAPI) -> None:
    """Make every failure of the application a problem document."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
