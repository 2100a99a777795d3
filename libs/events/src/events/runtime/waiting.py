"""Messages that wait for their cause, or behind one of their key: released in order, or dead when it does not come."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog

from events.runtime.applying import Applier, Source
from events.runtime.database import is_transient
from events.runtime.dead_letters import Burial
from events.runtime.effects import RaceLost
from events.runtime.failures import may_pass, raced_at_the_inbox
from events.runtime.failures import reason as reason_of
from events.runtime.messages import Message
from events.runtime.telemetry import dead_lettered, waiting_for_cause

_log = structlog.get_logger(__name__)

_LOOK_EVERY = 5.0


class Waiting:
    """What waits in one consumer's tables."""

    def __init__(self, applier: Applier, longest: timedelta) -> None:
        self._applier = applier
        self._time = applier.time
        self._longest_wait = longest
        self._nothing_waits_since: int | None = None
        """The number of parkings when nothing was found to wait."""
        self._look_again = 0.0
        self._key_failed: dict[UUID, float] = {}

    @property
    def _something_may_wait(self) -> bool:
        return self._nothing_waits_since != self._applier.parkings

    def look_soon(self) -> None:
        """Something may be free to go."""
        self._nothing_waits_since = None

    async def release(self) -> None:
        """Apply messages whose cause has arrived. Looks seldom while nothing is known to wait."""
        if not self._something_may_wait and self._time.now() < self._look_again:
            return
        self._look_again = self._time.now() + _LOOK_EVERY
        await self._bury_overdue()
        while True:
            before = self._applier.parkings
            async with self._applier.pool.connect() as conn:
                messages = await self._applier.inbox.released(conn)
                if not messages:
                    # What was parked meanwhile may have been committed after this look.
                    self._nothing_waits_since = None if await self._applier.inbox.anything_waits(conn) else before
                    return
            try:
                if not (await self._applier.once(messages, source=Source.WAITING)).applied:
                    return
            except RaceLost:
                return  # another writer was quicker; the next round will be
            except Exception as error:
                if is_transient(error):
                    raise
                if raced_at_the_inbox(error):
                    await self._forget_applied()
                else:
                    await self._release_apart(messages)
                return

    async def _forget_applied(self) -> None:
        async with self._applier.pool.begin() as conn:
            await self._applier.inbox.forget_applied(conn)

    async def _release_apart(self, messages: Sequence[Message]) -> None:
        """One key at a time, so that what cannot be applied holds only its own key back."""
        failed: set[UUID] = set()
        for message in messages:
            if message.key in failed:
                continue
            try:
                effect = await self._applier.once([message], source=Source.WAITING)
            except Exception as error:
                if is_transient(error):
                    raise
                failed.add(message.key)
                if not isinstance(error, RaceLost) and not raced_at_the_inbox(error):
                    await self._bury_waiting(message, error)
            else:
                if not effect.applied:
                    failed.add(message.key)

    async def _bury_waiting(self, message: Message, error: Exception) -> None:
        since = self._key_failed.setdefault(message.key, self._time.now())
        if may_pass(error) or self._applier.applied_at <= since:
            _log.error(
                "a message that waited cannot be processed; its key waits on",
                consumer=self._applier.name,
                key=str(message.key),
                event_id=str(message.id),
                error=reason_of(error),
            )
            return
        self._key_failed.pop(message.key)
        await self._to_the_grave([message], reason_of(error))

    async def _bury_overdue(self) -> None:
        async with self._applier.pool.connect() as conn:
            overdue = await self._applier.inbox.overdue(conn, self._longest_wait)
        if overdue:
            seconds = self._longest_wait.total_seconds()
            await self._to_the_grave(overdue, f"the event that caused it did not come within {seconds:g} s")

    async def _to_the_grave(self, waited: Sequence[Message], reason: str) -> None:
        async with self._applier.pool.begin() as conn:
            await self._applier.inbox.unpark(conn, waited)
            await self._applier.dead.bury(conn, [Burial.of_message(message, reason) for message in waited])
        dead_lettered.add(len(waited), {"consumer": self._applier.name})
        waiting_for_cause.add(-len(waited), {"consumer": self._applier.name})
        for message in waited:
            _log.error(
                "a message that waited is a dead letter now, and its key waits behind it",
                consumer=self._applier.name,
                event_id=str(message.id),
                key=str(message.key),
                error=reason,
            )
