"""ASGI middleware: a server span a request, and a problem document for a body that is too large."""

from fastapi.routing import APIRoute
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from events.runtime.http.problems import problem
from events.runtime.telemetry import TRACER, context_of, under

_QUIET = frozenset({"/livez", "/readyz"})
_SERVER_ERROR = 500
_TOO_LARGE = 413


class ServerSpans:
    """One SERVER span a request, child of the caller's `traceparent` (OpenTelemetry conventions for HTTP)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        parent = context_of(headers.get(b"traceparent", b"").decode("latin-1") or None)
        method = scope["method"]
        status = _SERVER_ERROR

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with TRACER.start_as_current_span(
            method,
            context=under(parent),
            kind=SpanKind.SERVER,
            record_exception=False,  # its text may quote values
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, sending)
            finally:
                _name(span, scope, method, status)


class TooLargeIsAProblem:
    """Starlette answers an announced body above the limit with plain text, whatever the application would say."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        replaced = False

        async def sending(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and message["status"] == _TOO_LARGE:
                replaced = True
                await problem(_TOO_LARGE, "too-large", "The request's body is too large")(scope, receive, send)
            elif not replaced:
                await send(message)

        await self._app(scope, receive, sending)


def _name(span: trace.Span, scope: Scope, method: str, status: int) -> None:
    route = scope.get("route")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.response.status_code", status)
    if isinstance(route, APIRoute):
        # The template, never the path: what stands in a path could name somebody.
        span.update_name(f"{method} {route.path}")
        span.set_attribute("http.route", route.path)
    if status >= _SERVER_ERROR:
        span.set_status(Status(StatusCode.ERROR))
