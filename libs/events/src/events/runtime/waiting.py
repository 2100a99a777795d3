"""Messages that wait for their cause, or behind one of their key: released in order, or dead when it does not come."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
from events.runtime.parked import begun
from events.runtime.telemetry import dead_lettered, waiting_for_cause

_log = structlog.get_logger(__name__)

_LOOK_EVERY = 5.0
_KEYS_A_LOOK = 1_000
_SET = 500
"""Messages that are applied in one transaction."""
_SETS_A_LOOK = 20
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
_BEFORE_ALL = UUID(int=0)


@dataclass(slots=True)
class _Failing:
    """A key whose first message fails, since when, and when it is its turn again; all in machine time."""

    since: float
    pause: float = _FIRST_PAUSE
    again: float = 0.0


class Waiting:
    """What waits in one consumer's tables.

    A look asks for keys that are likely to be free: what this process parked, and what waits for streams that began
    since the look before. Beside these a thousand keys in turn, so that whatever else frees a key is noticed too.
    """

    def __init__(self, applier: Applier, longest: timedelta) -> None:
        self._applier = applier
        self._parked = applier.parked
        self._time = applier.time
        self._longest_wait = longest
        self._nothing_waits_since: int | None = None
        """The number of parkings when nothing was found to wait."""
        self._look_again = 0.0
        self._turn = _BEFORE_ALL
        """The last key that had its turn."""
        self._begun_since: int | None = None
        self._begun: list[UUID] = []
        self._queue: dict[UUID, None] = {}
        """Keys that may be free, in the order in which they are looked at."""
        self._failing: dict[UUID, _Failing] = {}

    @property
    def _something_may_wait(self) -> bool:
        return self._nothing_waits_since != self._applier.parkings or bool(self._queue)

    def look_soon(self, key: UUID | None) -> None:
        """Something may be free to go: this key, in any case."""
        self._nothing_waits_since = None
        if key is not None:
            self._queue = {key: None, **self._queue}
            self._failing.pop(key, None)

    async def release(self) -> bool:
        """Apply messages that need wait no longer. Looks seldom while nothing is known to wait.

        Answers whether there is more to do at once.
        """
        if not self._something_may_wait and self._time.now() < self._look_again:
            return False
        self._look_again = self._time.now() + _LOOK_EVERY
        await self._look()
        released, failing = False, len(self._failing)
        for _ in range(_SETS_A_LOOK):
            if not self._queue:
                break
            released = await self._release_set() or released
        if not released and len(self._failing) <= failing:
            # Nothing that waits for these streams gets on: it is looked at again in its turn, and not at once.
            self._begun.clear()
        # What was applied now may be the cause that others wait for.
        return released or bool(self._begun)

    async def _look(self) -> None:
        """Find out which keys may be free, and bury what has waited too long."""
        before, applier = self._applier.parkings, self._applier
        async with applier.pool.connect() as conn:
            parked, applier.parked_keys = applier.parked_keys, set()
            self._queue.update(dict.fromkeys(parked))
            if not self._begun:
                began = await begun(conn, self._begun_since)
                self._begun_since, self._begun = began.until, list(began.streams)
            behind: list[UUID] = []
            if self._begun:
                besides = [key for key in self._failing if not self._may_be_tried(key)]
                behind = await self._parked.keys_behind(conn, self._begun, _KEYS_A_LOOK, besides=besides)
            if len(behind) < _KEYS_A_LOOK:
                self._begun.clear()
            turn = await self._parked.keys_after(conn, self._turn, _KEYS_A_LOOK)
            overdue = await self._parked.overdue(conn, turn, self._longest_wait) if turn else []
        if not turn and self._turn == _BEFORE_ALL:
            # What was parked meanwhile may have been committed after this look.
            self._nothing_waits_since = before
            self._begun_since = None
            self._failing.clear()
        self._turn = turn[-1] if len(turn) == _KEYS_A_LOOK else _BEFORE_ALL
        self._queue.update(dict.fromkeys(key for key in (*behind, *turn) if self._may_be_tried(key)))
        if overdue:
            seconds = self._longest_wait.total_seconds()
            await self._to_the_grave(overdue, f"the event that caused it did not come within {seconds:g} s")

    def _may_be_tried(self, key: UUID) -> bool:
        failing = self._failing.get(key)
        return failing is None or self._time.now() >= failing.again or self._applier.applied_at > failing.since

    async def _release_set(self) -> bool:
        """Apply what is free of the keys that come next: as much of each as leaves room for the others.

        Answers whether anything was applied.
        """
        keys = list(itertools.islice(self._queue, _SET))
        for key in keys:
            del self._queue[key]
        each = max(_SET // len(keys), 1)
        async with self._applier.pool.connect() as conn:
            messages = await self._parked.released(conn, keys, each)
        if not messages:
            return False
        try:
            applied = (await self._applier.once(messages, source=Source.WAITING)).applied
        except RaceLost:
            self._queue.update(dict.fromkeys(keys))  # another writer was quicker
            return False
        except Exception as error:
            if is_transient(error):
                self._queue.update(dict.fromkeys(keys))
                raise
            if raced_at_the_inbox(error):
                await self._forget_applied(messages)
            else:
                await self._release_apart(messages)
            return False
        # A key that gave all it might has more behind; it waits until the others have had their turn.
        for key, number in Counter(message.key for message in applied).items():
            self._failing.pop(key, None)
            if number == each:
                self._queue[key] = None
        return bool(applied)

    async def _forget_applied(self, messages: Sequence[Message]) -> None:
        async with self._applier.pool.begin() as conn:
            await self._parked.forget_applied(conn, messages)

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
                self._failing.pop(message.key, None)
                if not effect.applied:
                    failed.add(message.key)
        self._queue.update(dict.fromkeys(message.key for message in messages if message.key not in failed))

    async def _bury_waiting(self, message: Message, error: Exception) -> None:
        now = self._time.now()
        failing = self._failing.setdefault(message.key, _Failing(now))
        if may_pass(error) or self._applier.applied_at <= failing.since:
            failing.again = now + failing.pause
            failing.pause = min(failing.pause * 2, _LONGEST_PAUSE)
            _log.error(
                "a message that waited cannot be processed; its key waits on",
                consumer=self._applier.name,
                key=str(message.key),
                event_id=str(message.id),
                error=reason_of(error),
                tried_again_in=failing.again - now,
            )
            return
        del self._failing[message.key]
        await self._to_the_grave([message], reason_of(error))

    async def _to_the_grave(self, waited: Sequence[Message], reason: str) -> None:
        async with self._applier.pool.begin() as conn:
            places = await self._parked.unpark(conn, waited)
            burials = [Burial.of_message(message, reason, places[message.id]) for message in waited]
            await self._applier.dead.bury(conn, burials)
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
