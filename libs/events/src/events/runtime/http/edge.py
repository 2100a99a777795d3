"""What a route gets to answer with: who calls, what time it is, what they may do, and a way to carry out a command."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Header, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.contracts.authorization import Relation
from events.runtime.clock import Clock
from events.runtime.codec import Codec
from events.runtime.deciding import fold
from events.runtime.group_commit import GroupCommit
from events.runtime.http.answers import Answer
from events.runtime.http.authentication import Authenticator, Caller
from events.runtime.http.problems import PROBLEM_RESPONSES
from events.runtime.idempotency import IdempotentRequest, Repeated, answered
from events.runtime.refusals import KeyReused, NotFound
from events.runtime.streams import Command, Outcome, Stream

S = TypeVar("S")

_ACTION = "x-action"

Table = Mapping[str, frozenset[Relation]]


class RouteWithoutRow(RuntimeError):
    """A route names no action, or one that the authorization table does not have, or skips authentication."""


class Edge:
    """The HTTP edge of one service. Routes are made with it and get a `Call` by `Depends(edge.call)`."""

    def __init__(
        self,
        *,
        table: Table,
        authenticator: Authenticator,
        commands: GroupCommit,
        codec: Codec,
        pool: AsyncEngine,
        clock: Clock,
    ) -> None:
        self.table = table
        self.commands = commands
        self.codec = codec
        self.clock = clock
        self._authenticator = authenticator
        self._pool = pool

    def action(self, name: str, *, largest_body: int | None = None) -> dict[str, Any]:
        """Arguments of a route decorator: the row that the route stands under, and the problems it may answer with."""
        return {
            "openapi_extra": {_ACTION: name},
            "responses": PROBLEM_RESPONSES,
            "response_model": None,
            "max_body_size": largest_body,
        }

    async def call(
        self,
        request: Request,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> "Call":
        """Authenticate. For use as a dependency. Raises Unauthenticated."""
        caller = await self._authenticator.caller(authorization)
        route: APIRoute = request.scope["route"]
        row = self.table[(route.openapi_extra or {})[_ACTION]]
        return Call(self, caller, row, request, idempotency_key)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for queries."""
        async with self._pool.connect() as conn:
            yield conn

    def check(self, app: FastAPI) -> None:
        """Every route has its row, and asks who calls unless the row is public. Raises RouteWithoutRow."""
        for context in iter_route_contexts(app.routes):
            route = context.original_route
            if not isinstance(route, APIRoute):
                continue
            row = self.table.get((route.openapi_extra or {}).get(_ACTION, ""))
            if row is None:
                raise RouteWithoutRow(f"{route.path} has no row in the authorization table")
            asks = any(dependency.call == self.call for dependency in route.dependant.dependencies)
            if not asks and Relation.PUBLIC not in row:
                raise RouteWithoutRow(f"{route.path} does not ask who calls")


class Call:
    """One authenticated request."""

    def __init__(
        self, edge: Edge, caller: Caller, row: frozenset[Relation], request: Request, idempotency_key: str | None
    ) -> None:
        self.caller = caller
        self._edge = edge
        self._row = row
        self._request = request
        self._key = idempotency_key
        self._permitted = Relation.ANYONE in row

    @property
    def now(self) -> datetime:
        """Domain time."""
        return self._edge.clock.now()

    def permit(self, relations: Collection[str]) -> None:
        """Go on if one of these relations is allowed the route's action. Raises NotFound."""
        if not self._row & frozenset(relations):
            raise NotFound
        self._permitted = True

    async def load(self, stream: Stream[S]) -> tuple[int, S]:
        """Version and state of a stream now; version 0 when it does not exist."""
        async with self._edge.read() as conn:
            streams = await fold(conn, self._edge.codec, [stream])
        return streams.version(stream), streams[stream]

    async def execute(self, command: Command, answer: Callable[[Outcome], Answer]) -> Response:
        """Carry out a command and answer; with an `Idempotency-Key`, once. Raises the command's Refusal."""
        self._must_be_permitted()
        if self._key is None:
            return answer(await self._edge.commands.execute(command)).response()
        request = await self._idempotent(self._key, lambda outcome: answer(outcome).to_json_value())
        outcome = await self._edge.commands.execute_once(command, request)
        if isinstance(outcome, Repeated):
            return Answer.from_json_value(outcome.answer).response()
        return answer(outcome).response()

    async def repeated(self) -> Response | None:
        """The answer that this request got before, under its `Idempotency-Key`. Raises KeyReused.

        For routes that look at anything that the first request may have changed. `execute` asks again, under the lock.
        """
        self._must_be_permitted()
        if self._key is None:
            return None
        request = await self._idempotent(self._key, lambda _: None)
        async with self._edge.read() as conn:
            found = (await answered(conn, [request])).get(request.identity)
        if isinstance(found, KeyReused):
            raise found
        return None if found is None else Answer.from_json_value(found.answer).response()

    async def _idempotent(self, key: str, answer: Callable[[Outcome], Any]) -> IdempotentRequest:
        return IdempotentRequest(
            subject=self.caller.subject,
            route=f"{self._request.method} {self._request.url.path}",
            # Of the key only a digest is kept. A body may be as guessable as five ratings, so its digest needs the key.
            key=hashlib.sha256(key.encode()).hexdigest(),
            digest=hmac.digest(key.encode(), await self._request.body(), "sha256"),
            answer=answer,
        )

    def reply(self, answer: Answer) -> Response:
        """Answer a read."""
        self._must_be_permitted()
        return answer.response()

    def _must_be_permitted(self) -> None:
        if not self._permitted:
            raise RuntimeError(f"{self._request.url.path} answers without asking the authorization table")
