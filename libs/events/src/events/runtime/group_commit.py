"""Commands that arrive while the last flush is in flight form the next one: one transaction for up to 256 callers.

No timer: an idle store adds no wait. The flush runs outside any caller's task, so a refusal or a hang-up touches no
neighbour.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import structlog
from opentelemetry import trace
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events.runtime import idempotency, store
from events.runtime.codec import Codec
from events.runtime.database import autocommitting, is_transient
from events.runtime.deciding import Decided, decide
from events.runtime.idempotency import IdempotentRequest, Repeated
from events.runtime.logs import named
from events.runtime.refusals import OutcomeUnknown, Overloaded, Refusal, TooManyConflicts, Unavailable
from events.runtime.streams import Command, Outcome
from events.runtime.telemetry import batch_span, traceparent_of

_log = structlog.get_logger(__name__)

_MOST_TRIES = 20
_LARGEST_FLIGHT = 256
_MOST_PENDING = 5_000
_PAUSE = 0.05


@dataclass(slots=True, eq=False)
class _Submission:
    command: Command
    request: IdempotentRequest | None
    caller: trace.SpanContext
    settled: "asyncio.Future[Outcome | Repeated]"
    tries: int = 0
    alone: bool = False

    def settle(self, outcome: Outcome | Repeated | Exception) -> None:
        if self.settled.done():  # the caller hung up; what was decided stands
            return
        if isinstance(outcome, Exception):
            self.settled.set_exception(outcome)
        else:
            self.settled.set_result(outcome)


class _EachAlone(Exception):
    """Roll the flight back and try each of its commands by itself."""


class _NotYet(Exception):
    """The lost transaction still holds its locks."""


@dataclass(slots=True)
class GroupCommit:
    """Executes commands for many callers at once. `committed` is called after every flight that appended."""

    pool: AsyncEngine
    codec: Codec
    committed: Callable[[], None] = lambda: None
    largest_flight: int = _LARGEST_FLIGHT
    most_pending: int = _MOST_PENDING
    """Callers that may wait for a flight. The next is refused at once: it would only time out later."""
    _pending: deque[_Submission] = field(default_factory=deque)
    _flying: asyncio.Task[None] | None = None
    _autocommitting: AsyncEngine = field(init=False)
    _held: AsyncConnection | None = None

    def __post_init__(self) -> None:
        self._autocommitting = autocommitting(self.pool)

    async def execute(self, command: Command) -> Outcome:
        """Carry out a command. Raises its Refusal, TooManyConflicts, Unavailable, OutcomeUnknown or Overloaded."""
        self._refuse_when_full()
        return cast(Outcome, await self._submit(command, None))

    async def execute_once(self, command: Command, request: IdempotentRequest) -> Outcome | Repeated:
        """The same for a request with an `Idempotency-Key`. Raises KeyReused and KeyInUse too."""
        self._refuse_when_full()
        return await self._submit(command, request)

    async def execute_all(self, commands: Sequence[Command]) -> list[Outcome | BaseException]:
        """Carry out many commands, each for itself; a refusal stands in the place of its outcome."""
        outcomes = await asyncio.gather(*(self._submit(command, None) for command in commands), return_exceptions=True)
        return cast(list[Outcome | BaseException], outcomes)

    async def close(self) -> None:
        """Wait until everything that was submitted is settled."""
        while self._flying is not None:
            await asyncio.wait([self._flying])

    def _refuse_when_full(self) -> None:
        if len(self._pending) >= self.most_pending:
            raise Overloaded

    def _submit(self, command: Command, request: IdempotentRequest | None) -> "asyncio.Future[Outcome | Repeated]":
        caller = trace.get_current_span().get_span_context()
        settled: asyncio.Future[Outcome | Repeated] = asyncio.get_running_loop().create_future()
        self._pending.append(_Submission(command, request, caller, settled))
        if self._flying is None:
            self._flying = asyncio.create_task(self._fly_all())
        return settled

    async def _fly_all(self) -> None:
        try:
            # One turn of the loop, so that callers who are ready now share the first flight.
            await asyncio.sleep(0)
            while self._pending:
                await self._fly(self._board())
                # Whoever was answered just now may have more to ask: that shares the next flight, and its connection.
                await asyncio.sleep(0)
                if not self._pending:
                    await self._let_go()
        finally:
            self._flying = None

    def _board(self) -> list[_Submission]:
        """The next flight. Two requests with one key never share it, and one that must be alone is."""
        if self._pending[0].alone:
            return [self._pending.popleft()]
        flight: list[_Submission] = []
        staying: list[_Submission] = []
        keys: set[idempotency.Identity] = set()
        while self._pending and len(flight) < self.largest_flight:
            submission = self._pending.popleft()
            identity = submission.request.identity if submission.request else None
            if submission.alone or identity in keys:
                staying.append(submission)
                continue
            if identity is not None:
                keys.add(identity)
            flight.append(submission)
        self._pending.extendleft(reversed(staying))
        return flight

    async def _fly(self, flight: list[_Submission]) -> None:
        with batch_span("commit", [submission.caller for submission in flight]):
            try:
                await self._commit(flight)
            except _EachAlone:
                self._again(flight, alone=True)
            except Exception as error:  # noqa: BLE001 - the caller of the command that failed gets it
                if len(flight) == 1:
                    flight[0].settle(error)
                    return
                _log.warning("a set of commands failed; each is tried alone", commands=len(flight), error=named(error))
                self._again(flight, alone=True)

    async def _commit(self, flight: list[_Submission]) -> None:
        decided: Decided | None = None
        won: set[UUID] = set()
        try:
            async with self._connection(flight) as conn:
                flight = await self._without_repeats(conn, flight)
                decided = await decide(
                    conn,
                    self.codec,
                    [submission.command for submission in flight],
                    [traceparent_of(submission.caller) for submission in flight],
                )
                won = await self._append(conn, flight, decided)
        except Exception as error:
            if not is_transient(error):
                raise
            _log.warning("the database failed during a commit", error=named(error))
            await asyncio.sleep(_PAUSE)
            if decided is None or not decided.rows:
                self._again(flight, alone=False, after=Unavailable)
                return
            # The commit may or may not have happened: the same rows, with the same event ids, tell.
            try:
                won = await self._resend(flight, decided)
            except _EachAlone:
                raise
            except Exception as lost:  # noqa: BLE001 - whatever it is, what was sent must not be decided again
                _log.error("the outcome of a commit is unknown", commands=len(flight), error=named(lost))
                for submission in flight:
                    submission.settle(OutcomeUnknown())
                return
        self._settle(flight, decided, won)

    @asynccontextmanager
    async def _connection(self, flight: Sequence[_Submission]) -> AsyncIterator[AsyncConnection]:
        """A transaction, where the append may have to roll back or is not the only write.

        Else the append commits by itself: one statement is atomic, and `begin` and `commit` would be half of the trips.
        Flights that follow at once do so on one connection.
        """
        if not all(s.request is None and len(s.command.loads) == 1 and s.command.also is None for s in flight):
            async with self.pool.begin() as conn:
                yield conn
            return
        if self._held is None:
            self._held = await self._autocommitting.connect()
        try:
            yield self._held
        except BaseException:
            await self._let_go()
            raise

    async def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is None:
            return
        try:
            await held.close()
        except Exception as error:  # noqa: BLE001 - the flight's outcome is known; its callers must not hear of this
            _log.warning("a connection broke as it was given back", error=named(error))

    async def _without_repeats(self, conn: AsyncConnection, flight: list[_Submission]) -> list[_Submission]:
        requests = [submission.request for submission in flight if submission.request]
        before = await idempotency.settled_already(conn, requests)
        going = []
        for submission in flight:
            answer = before.get(submission.request.identity) if submission.request else None
            if answer is None:
                going.append(submission)
            else:
                submission.settle(answer)
        return going

    async def _append(self, conn: AsyncConnection, flight: list[_Submission], decided: Decided) -> set[UUID]:
        won = await store.append(conn, decided.rows) if decided.rows else set()
        if decided.must_roll_back(won):
            raise _EachAlone
        unsettled = set(decided.unsettled(won))
        await idempotency.remember(
            conn,
            [
                (submission.request, outcome)
                for i, (submission, outcome) in enumerate(zip(flight, decided.outcomes, strict=True))
                if submission.request and isinstance(outcome, Outcome) and i not in unsettled
            ],
        )
        return won

    async def _resend(self, flight: list[_Submission], decided: Decided) -> set[UUID]:
        for _ in range(_MOST_TRIES * 10):
            try:
                async with self.pool.begin() as conn:
                    return await self._find_or_append(conn, flight, decided)
            except _NotYet:
                await asyncio.sleep(_PAUSE)
            except Exception as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(_PAUSE)
        raise TooManyConflicts

    async def _find_or_append(self, conn: AsyncConnection, flight: list[_Submission], decided: Decided) -> set[UUID]:
        """Streams that won, in the transaction whose outcome is unknown or in this one."""
        requests = [submission.request for submission in flight if submission.request]
        if requests and len(await idempotency.take(conn, requests)) < len(requests):
            raise _NotYet
        answered = await idempotency.answered(conn, requests) if requests else {}
        event_ids = [row.event_id for row in decided.rows]
        there = await store.present(conn, event_ids)
        if not there and answered:
            raise _EachAlone
        won = set() if there else await self._append(conn, flight, decided)
        # The unknown transaction may have committed while this append waited for its rows.
        there |= await store.present(conn, event_ids)
        return {row.stream_id for row in decided.rows if row.event_id in there} or won

    def _settle(self, flight: list[_Submission], decided: Decided, won: set[UUID]) -> None:
        unsettled = set(decided.unsettled(won))
        self._again([flight[i] for i in sorted(unsettled)], alone=False)
        for i, submission in enumerate(flight):
            if i not in unsettled:
                submission.settle(decided.outcomes[i])
        if won:
            self.committed()

    def _again(self, flight: Sequence[_Submission], *, alone: bool, after: type[Refusal] = TooManyConflicts) -> None:
        """Try them once more; those that were tried often enough hear after what."""
        retried = []
        for submission in flight:
            submission.tries += 1
            submission.alone = alone or submission.alone
            if submission.tries > _MOST_TRIES:
                submission.settle(after())
            elif not submission.settled.done():
                retried.append(submission)
        self._pending.extendleft(reversed(retried))
