"""ASGI middleware: a server span a request, and a limit on bodies."""

import re
from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.routing import APIRoute
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from events.runtime.http.problems import problem
from events.runtime.telemetry import TRACER, context_of, under

_LARGEST_BODY = 1_048_576
_QUIET = frozenset({"/livez", "/readyz"})
_SERVER_ERROR = 500


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

        with TRACER.start_as_current_span(method, context=under(parent), kind=SpanKind.SERVER) as span:
            try:
                await self._app(scope, receive, sending)
            finally:
                _name(span, scope, method, status)


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


class BodyTooLarge(Exception):
    """More came than the route takes."""


class BodyLimit:
    """Refuses bodies above 1 MiB, or above what the route's action allows."""

    def __init__(self, app: ASGIApp, larger: Sequence[tuple[re.Pattern[str], int]]) -> None:
        self._app = app
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((size for path, size in self._larger if path.fullmatch(scope["path"])), _LARGEST_BODY)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        refusal = problem(413, "too-large", "The body is too large", f"At most {limit} bytes are taken")
        if announced.isdigit() and int(announced) > limit:
            await refusal(scope, receive, send)
            return
        seen = 0
        refused = False

        async def receiving() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise BodyTooLarge
            return message

        async def sending(message: Message) -> None:
            # FastAPI answers an interrupted body with a 400 of its own; the caller is told what really happened.
            nonlocal refused
            if seen <= limit:
                await send(message)
            elif not refused:
                refused = True
                await refusal(scope, receive, send)

        await self._app(scope, receiving, sending)


def larger_bodies(app: FastAPI) -> list[tuple[re.Pattern[str], int]]:
    """Routes whose action takes larger bodies."""
    return [
        (route.path_regex, int(route.openapi_extra["x-largest-body"]))
        for route in app.routes
        if isinstance(route, APIRoute) and route.openapi_extra and "x-largest-body" in route.openapi_extra
    ]
