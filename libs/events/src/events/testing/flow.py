"""A flow in one process: appends, two relays, a simulated broker, a group of two consumers, over a real store.

Each method is one step that has come to rest when it returns, so that the same steps make the same history.
"""

from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from events.contracts import envelope
from events.contracts.envelope import Envelope
from events.contracts.sessions import SessionLogged
from events.runtime import store
from events.runtime.consumer import Consumer
from events.runtime.deciding import decide
from events.runtime.effects import RaceLost
from events.runtime.encryption import FileKeyWrapper, Keyring
from events.runtime.refusals import Refusal
from events.testing.checkpoints import Fate, Operation
from events.testing.counters import NOW
from events.testing.flow_domain import PUBLICATIONS, TOPIC, TYPES, StoppableCodec, StoppableReactor, World, tell
from events.testing.simulated_kafka import Record, SimulatedKafka, SimulatedMember
from events.testing.simulated_time import SimulatedTime
from events.testing.stepped_relay import CURSOR, SteppedRelay

_NAME = "reactor"
GARBAGE = b"garbage"
_OPERATOR = UUID(int=7)
_LOOK = text(
    """
select 'heard' as what, stream_id as id, (data->>'key')::uuid as key, (data->>'number')::int as number,
       (data->>'event_id')::uuid as event_id, stream_version as version
  from events where type = 'Heard' and stream_id < '00000000-0000-0000-0000-0000000007d0'
union all select 'relayed', stream_id, stream_id, stream_version, event_id, stream_version
  from events e join cursors c on c.name = :cursor and (e.transaction_id, e.sequence) <= (c.transaction_id, c.sequence)
 where type = 'Told'
union all select 'inbox', null, null, null, event_id, null from inbox
union all select 'waiting', null, key, null, event_id, null from waiting
union all select case when discarded_at is null then 'dead' else 'discarded' end, null, key, null, event_id, null
  from dead_letters
order by what, id, version
"""
)


@dataclass(slots=True, eq=False)
class _Batch:
    operation: Operation[None]
    records: list[Record]
    commits: bool


@dataclass(slots=True, eq=False)
class _Member:
    consumer: Consumer
    client: SimulatedMember
    batch: _Batch | None = None


@dataclass(slots=True)
class Facts:
    """What the tables say, read with plain SQL."""

    cursor: tuple[int, int]
    rows: dict[str, list[Row[Any]]]

    def ids(self, *what: str) -> set[UUID]:
        """Published ids that are there."""
        return {row.event_id for name in what for row in self.rows[name]}


class Flow:
    """Everything between an append and its effect."""

    def __init__(self, pool: AsyncEngine, partitions: int = 2) -> None:
        self.pool = pool
        self.world = World()
        self.time = SimulatedTime()
        self.kafka = SimulatedKafka(TOPIC, partitions)
        self.places = sorted(self.kafka.log)
        self.codec = StoppableCodec(TYPES, Keyring(pool, FileKeyWrapper(bytes(32))))
        self.relays = [SteppedRelay(pool, self.codec, PUBLICATIONS, self.kafka) for _ in range(2)]
        self.members = [self._new_member() for _ in range(2)]
        self.aside: list[Operation[object]] = []
        """Releases, retries and discards that are frozen."""
        self.unexpected: list[BaseException] = []
        """What was raised that nobody may raise."""
        self._held: tuple[UUID, AsyncConnection, AsyncTransaction] | None = None
        self._garbage = 0
        self.share_out([0, 1])

    # Appends

    @property
    def held(self) -> UUID | None:
        """Key whose append is not committed yet."""
        return self._held[0] if self._held else None

    async def tell(self, key: UUID, causes: list[int], *, hold: bool = False) -> None:
        """Append, and commit unless it is held open."""
        conn = await self.pool.connect()
        transaction = await conn.begin()
        decided = await decide(conn, self.codec, [tell(key, causes)], [None])
        await store.append(conn, decided.rows)
        if hold:
            self._held = key, conn, transaction
            return
        await transaction.commit()
        await conn.close()

    async def end_append(self, *, commit: bool) -> None:
        """The held one commits after all, or rolls back."""
        if self._held is not None:
            _, conn, transaction = self._held
            self._held = None
            await (transaction.commit() if commit else transaction.rollback())
            await conn.close()

    def bring_garbage(self, place: TopicPartition, key: UUID | None) -> None:
        """A record that nobody can read; some name a key of ours."""
        self._garbage += 1
        if key is None:
            self.kafka.store(place, b"", b"\xff", [("ce_id", b"none")])
            return
        headers = envelope.encode(
            Envelope(
                id=UUID(int=9_000 + self._garbage),
                source="/elsewhere",
                type=SessionLogged.type,
                subject=key,
                time=NOW,
                sequence=1,
                dataschema="",
                correlation=None,
                causation=None,
                creation_traceparent=None,
            )
        )
        self.kafka.store(place, str(key).encode(), GARBAGE, headers)

    # The group

    async def deliver(self, number: int, most: int, *, repeat: int, fate: Fate, commits: bool) -> None:
        """Let a member poll, handle, and commit; `repeat` is how often each record comes."""
        member = self.members[number]
        if member.batch is not None:
            return
        records = [record for record in member.client.poll(most) for _ in range(repeat)]
        if records:
            operation = await Operation.begin(member.consumer.handle(records, member.client), fate)
            member.batch = _Batch(operation, records, commits)
            if not operation.is_frozen:
                self._handled(number)

    async def thaw(self, number: int) -> None:
        """A member goes on where it was frozen."""
        batch = self.members[number].batch
        if batch is not None:
            await batch.operation.thaw()
            self._handled(number)

    def _handled(self, number: int) -> None:
        member = self.members[number]
        batch, member.batch = member.batch, None
        if batch is None:
            return
        if batch.operation.died:
            self._replace(number)
        elif (error := batch.operation.task.exception()) is not None:
            self.unexpected.append(error)
        elif batch.commits and not member.client.commit():
            self._assign(number)

    async def kill(self, number: int) -> None:
        """A member's process dies; another one takes its place."""
        batch = self.members[number].batch
        if batch is not None:
            await batch.operation.kill()
        self._replace(number)

    def _replace(self, number: int) -> None:
        old, self.members[number] = self.members[number].client, self._new_member()
        self.kafka.owners |= {
            place: self.members[number].client for place, one in self.kafka.owners.items() if one is old
        }
        self._assign(number)

    def share_out(self, owners: list[int], *, frozen_hear: bool = True) -> None:
        """Rebalance: partition i belongs to member `owners[i]`. A frozen member may not hear of it until it goes on."""
        self.kafka.owners = {
            place: self.members[owner].client for place, owner in zip(self.places, owners, strict=True)
        }
        for number, member in enumerate(self.members):
            if member.batch is None or frozen_hear:
                self._assign(number)

    def _assign(self, number: int) -> None:
        member = self.members[number]
        member.consumer.revoked(member.client.assignment())
        member.client.assign({place for place, owner in self.kafka.owners.items() if owner is member.client})

    def rewind(self, place: TopicPartition, offset: int) -> None:
        """An operator sets the group back to this offset."""
        offset = min(offset, self.kafka.committed[place])
        self.kafka.committed[place] = offset
        for number in range(len(self.members)):
            self._assign(number)

    def _new_member(self) -> _Member:
        reactor = StoppableReactor(self.codec, {SessionLogged: self.world.hear}, lambda: None)
        consumer = Consumer(_NAME, f"flow.{_NAME}", self.pool, reactor, time=self.time)
        return _Member(consumer, SimulatedMember(self.kafka))

    # What happens beside the batches

    async def release(self, number: int, fate: Fate) -> None:
        """A member looks for what need wait no longer."""
        await self._beside(self.members[number].consumer.release(), fate, Exception)

    async def retry(self, number: int, event_id: UUID, fate: Fate) -> None:
        """An operator tries a dead letter again."""
        await self._beside(self.members[number].consumer.retry(event_id), fate, Refusal, RaceLost, OSError)

    async def discard(self, number: int, event_id: UUID, fate: Fate) -> None:
        """An operator gives a dead letter up."""
        await self._beside(self.members[number].consumer.discard(event_id, _OPERATOR), fate, Refusal, RaceLost, OSError)

    async def thaw_aside(self) -> None:
        """What was frozen there goes on."""
        operations, self.aside = self.aside, []
        for operation in operations:
            await operation.thaw()
            self._ended(operation, Exception)

    async def _beside(self, work: Coroutine[Any, Any, object], fate: Fate, *may: type[Exception]) -> None:
        operation = await Operation.begin(work, fate)
        if operation.is_frozen:
            self.aside.append(operation)
        else:
            self._ended(operation, *may)

    def _ended(self, operation: Operation[object], *may: type[Exception]) -> None:
        error = None if operation.died else operation.task.exception()
        if error is not None and not isinstance(error, may):
            self.unexpected.append(error)

    async def wait_is_over(self) -> None:
        """Everything that waits has waited longer than a consumer lets it."""
        async with self.pool.begin() as conn:
            await conn.execute(text("update waiting set since = since - interval '2 hours'"))

    # Looking

    async def look(self) -> Facts:
        """What the tables say now."""
        async with self.pool.connect() as conn:
            cursor = (
                await conn.execute(
                    text("select transaction_id, sequence from cursors where name = :cursor"), {"cursor": CURSOR}
                )
            ).one_or_none()
            rows: dict[str, list[Row[Any]]] = defaultdict(list)
            for row in await conn.execute(_LOOK, {"cursor": CURSOR}):
                rows[row.what].append(row)
        return Facts((int(cursor[0]), cursor[1]) if cursor else (0, 0), rows)

    async def close(self) -> None:
        """End all that still runs, and empty the tables."""
        for relay in self.relays:
            await relay.die()
        for operation in self.aside:
            await operation.kill()
        for member in self.members:
            if member.batch is not None:
                await member.batch.operation.kill()
        await self.end_append(commit=False)
        async with self.pool.begin() as conn:
            for table in ("events", "cursors", "inbox", "waiting", "dead_letters"):
                await conn.execute(text(f"delete from {table}"))  # noqa: S608 - names of ours
