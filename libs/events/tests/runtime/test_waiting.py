"""Whatever waits is released in order and in its turn, however much else waits; a look costs the same for all that."""

import asyncio
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from events.contracts.sessions import AgreementSigned, SessionLogged
from events.runtime import waiting
from events.runtime.consumer import Consumer
from events.runtime.dead_letters import NotItsTurn
from events.runtime.effects import Reactor
from events.runtime.streams import Command
from events.testing.counters import COUNTER, NOW, Database, Increased, TooMuch, increase
from events.testing.records import Topic, deliver


class Reactions:
    """`SessionLogged` counts its number, once the counter has begun, in whatever order it is asked to."""

    def __init__(self) -> None:
        self.refused: set[int] = set()
        self.broken: set[int] = set()
        self.also: UUID | None = None
        """Another counter that must have begun."""

    def logged(self, received) -> Command:
        stream, number = COUNTER.stream(received.event.pair), received.event.number
        requires = (stream,) if self.also is None else (stream, COUNTER.stream(self.also))

        def decide(_):
            if number in self.broken:
                raise KeyError
            if number in self.refused:
                raise TooMuch
            return [(stream, Increased(by=number, text=str(number)))]

        return Command(requires, decide, NOW, requires=requires)

    def consumer(self, database: Database, **more) -> Consumer:
        reactions = {SessionLogged: self.logged, AgreementSigned: lambda received: increase(received.event.pair)}
        effects = Reactor(database.codec, reactions, lambda: None)
        return Consumer("reactor", "test.reactor", database.pool, effects, **more)


def logged(counter: UUID, number: int = 1) -> SessionLogged:
    return SessionLogged(pair=counter, program=uuid4(), number=number, minutes=45)


async def order(database: Database, counter: UUID) -> list[str]:
    """What was counted, in the order in which it was."""
    look = text("select data->>'text' from events where stream_id = :stream order by stream_version")
    async with database.pool.connect() as conn:
        return list(await conn.scalars(look, {"stream": counter}))


async def crowd(database: Database, consumer: Consumer, number: int, *, key: UUID | None = None) -> None:
    """Let so many more wait, each for a stream that never begins: under keys of their own, or all under one."""
    await deliver(consumer, [Topic().record(logged(uuid4()), key=uuid4())])
    fill = text("""
        insert into waiting (consumer, event_id, key, cause, headers, payload)
        select consumer, id, coalesce(:key, gen_random_uuid()), gen_random_uuid(),
               headers || jsonb_build_object('ce_id', id::text), payload
        from (select gen_random_uuid() as id from generate_series(1, :number)) as many, (table waiting limit 1) as one
    """)
    async with database.pool.begin() as conn:
        await conn.execute(fill, {"number": number, "key": key})
    async with database.pool.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text("vacuum analyze waiting"))


async def test_a_cause_that_comes_releases_what_waits_for_it_at_the_next_look_among_however_many(database: Database):
    consumer, counter = Reactions().consumer(database), uuid4()
    await crowd(database, consumer, 5 * waiting._KEYS_A_LOOK)
    # In the order of keys it is the last.
    await deliver(consumer, [Topic().record(logged(counter, 7), key=UUID(int=2**128 - 1))])
    await consumer.release()
    await database.commands.execute(increase(counter))
    await consumer.release()
    assert await order(database, counter) == ["", "7"]


async def test_what_another_process_parked_or_freed_is_released_in_its_turn(database: Database):
    first, second, counter = Reactions().consumer(database), Reactions().consumer(database), uuid4()
    await crowd(database, first, 2 * waiting._KEYS_A_LOOK)
    await deliver(first, [Topic().record(logged(counter, 7), key=UUID(int=2**128 - 1))])
    await database.commands.execute(increase(counter))
    for _ in range(3):
        await second.release()
    assert await order(database, counter) == ["", "7"]


async def test_a_look_reads_no_more_when_more_waits(database: Database):
    consumer = Reactions().consumer(database)
    read = text(
        "select idx_tup_read + (select seq_tup_read from pg_stat_user_tables where relname = 'waiting')"
        " from pg_stat_user_indexes where indexrelname = 'waiting_key'"
    )

    async def rows_read() -> int:
        async with database.pool.connect() as conn:
            # Counts of other connections arrive when those are idle for a second, or are told to.
            await conn.execute(text("select pg_stat_force_next_flush()"))
        async with database.pool.connect() as conn:
            return await conn.scalar(read)

    costs = []
    for number in (2 * waiting._KEYS_A_LOOK, 30 * waiting._KEYS_A_LOOK):
        await crowd(database, consumer, number)
        await crowd(database, consumer, number, key=UUID(int=5))
        await consumer.release()
        before = await rows_read()
        await consumer.release()
        costs.append(await rows_read() - before)
    assert 0 < costs[1] < 2 * costs[0]


async def test_a_key_with_very_many_lets_others_go_before_it_is_done(database: Database, monkeypatch):
    monkeypatch.setattr(waiting, "_SET", 10)
    monkeypatch.setattr(waiting, "_SETS_A_LOOK", 2)
    consumer, topic, deep, others = Reactions().consumer(database), Topic(), uuid4(), [uuid4() for _ in range(5)]
    await deliver(consumer, [topic.record(logged(deep, number), key=deep) for number in range(1, 101)])
    await deliver(consumer, [topic.record(logged(other), key=other) for other in others])
    for counter in (deep, *others):
        await database.commands.execute(increase(counter))
    sizes, once = [], consumer._applier.once

    async def noting(messages, *more, **options):
        sizes.append(len(messages))
        return await once(messages, *more, **options)

    monkeypatch.setattr(consumer._applier, "once", noting)
    assert await consumer.release()
    assert [await order(database, other) for other in others] == [["", "1"]] * 5
    assert 0 < len(await order(database, deep)) < 50
    while await consumer.release():
        pass
    assert max(sizes) <= waiting._SET
    assert await order(database, deep) == ["", *map(str, range(1, 101))]


async def test_a_key_that_fails_is_paused_and_holds_up_no_other_however_much_waits_under_it(
    database: Database, monkeypatch
):
    monkeypatch.setattr(waiting, "_SET", 4)
    reactions, topic, failing, other = Reactions(), Topic(), uuid4(), uuid4()
    reactions.refused = {1}
    consumer = reactions.consumer(database)
    await deliver(consumer, [topic.record(logged(failing, number), key=failing) for number in range(1, 20)])
    await database.commands.execute(increase(failing))
    await consumer.release()
    tried = consumer._waiting._failing[failing]
    assert tried.again > tried.since
    await deliver(consumer, [topic.record(logged(other, 30), key=other)])
    await database.commands.execute(increase(other))
    await consumer.release()
    assert await order(database, other) == ["", "30"]
    assert await order(database, failing) == [""]


async def test_keys_that_fail_after_their_cause_came_are_not_looked_for_without_a_pause(
    database: Database, monkeypatch
):
    monkeypatch.setattr(waiting, "_KEYS_A_LOOK", 10)
    monkeypatch.setattr(waiting, "_Failing", partial(waiting._Failing, pause=60.0))
    reactions, topic = Reactions(), Topic()
    reactions.broken = {1}
    consumer, counters = reactions.consumer(database), [uuid4() for _ in range(25)]
    await deliver(consumer, [topic.record(logged(counter), key=counter) for counter in counters])
    await consumer.release()
    for counter in counters:
        await database.commands.execute(increase(counter))
    at_once = [await consumer.release() for _ in range(12)]
    assert at_once[-1] is False
    assert len(consumer._waiting._begun) == 0


async def test_a_key_is_released_although_more_than_a_look_takes_fail_behind_the_same_cause(
    database: Database, monkeypatch
):
    monkeypatch.setattr(waiting, "_KEYS_A_LOOK", 10)
    monkeypatch.setattr(waiting, "_Failing", partial(waiting._Failing, pause=60.0))
    reactions, topic, cause = Reactions(), Topic(), uuid4()
    reactions.broken = {13}
    consumer = reactions.consumer(database)
    await crowd(database, consumer, 300)
    await deliver(consumer, [topic.record(logged(cause, 13), key=uuid4()) for _ in range(25)])
    # In the order of keys it is the last.
    await deliver(consumer, [topic.record(logged(cause, 7), key=UUID(int=2**128 - 1))])
    await consumer.release()
    await database.commands.execute(increase(cause))
    for _ in range(6):
        consumer._applier.parked_keys.clear()  # as if another process had parked them
        await consumer.release()
        await database.commands.execute(increase(uuid4()))
    assert "7" in await order(database, cause)


async def test_a_message_that_turns_out_to_miss_another_cause_waits_for_that_one_in_its_place(database: Database):
    reactions, topic, counter, key = Reactions(), Topic(), uuid4(), uuid4()
    consumer = reactions.consumer(database)
    await deliver(consumer, [topic.record(logged(counter, number), key=key) for number in (1, 2)])
    reactions.also = uuid4()
    await database.commands.execute(increase(counter))
    await consumer.release()
    assert await order(database, counter) == [""]
    await database.commands.execute(increase(reactions.also))
    await consumer.release()
    assert await order(database, counter) == ["", "1", "2"]


async def test_a_dead_letter_is_not_applied_before_one_of_its_key_that_came_before_it(database: Database):
    reactions, topic, counter = Reactions(), Topic(), uuid4()
    consumer = reactions.consumer(database, longest_wait=timedelta())
    first = topic.record(logged(counter, 1), key=counter)
    second = topic.record(b"broken", key=counter, ce_type=SessionLogged.type)
    await deliver(consumer, [first, second, topic.record(logged(counter, 3), key=counter)])
    await consumer.release()
    async with database.pool.connect() as conn:
        letters = sorted(await consumer.dead(conn, None, 10), key=lambda letter: letter.position)
    assert [letter.value == b"broken" for letter in letters] == [False, True]
    assert [letter.behind for letter in letters] == [1, 1]

    broken = letters[1]
    await database.commands.execute(increase(counter))
    async with database.pool.begin() as conn:
        # A version that can read it is deployed.
        mend = text("update dead_letters set value = :value where event_id = :broken")
        await conn.execute(mend, {"value": first.value, "broken": broken.event_id})
    with pytest.raises(NotItsTurn):
        await consumer.retry(broken.event_id)
    await consumer.retry(letters[0].event_id)
    assert await order(database, counter) == ["", "1"]
    await consumer.discard(broken.event_id, UUID(int=7))
    assert await order(database, counter) == ["", "1", "3"]


async def test_a_message_that_waits_before_a_dead_letter_of_its_key_does_not_wait_for_it(database: Database):
    consumer, topic, counter = Reactions().consumer(database), Topic(), uuid4()
    await deliver(consumer, [topic.record(logged(counter, 1), key=counter), topic.record(b"broken", key=counter)])
    await deliver(consumer, [topic.record(logged(counter, 3), key=counter)])
    await database.commands.execute(increase(counter))
    await consumer.release()
    assert await order(database, counter) == ["", "1"]


async def release_until(done: asyncio.Event, member: Consumer) -> None:
    while not done.is_set():
        await member.release()


async def test_retries_releases_and_deliveries_at_once_keep_the_order_of_every_key(database: Database):
    reactions, topic = Reactions(), Topic()
    counters = [uuid4() for _ in range(6)]
    reactions.refused = {1}
    members = [reactions.consumer(database) for _ in range(3)]
    for counter in counters:
        await database.commands.execute(increase(counter))
        first = topic.record(logged(counter, 1), key=counter)
        await deliver(members[0], [first, topic.record(AgreementSigned(pair=uuid4(), program=uuid4()))])
    async with database.pool.connect() as conn:
        letters = await members[0].dead(conn, None, 100)
    assert len(letters) == len(counters)

    async def deliver_all() -> None:
        for number in range(2, 22):
            await deliver(members[0], [topic.record(logged(counter, number), key=counter) for counter in counters])

    async def retry_all() -> None:
        await asyncio.gather(*(members[1].retry(letter.event_id) for letter in letters))

    reactions.refused = set()
    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for member in members:
            tasks.create_task(release_until(done, member))
        await asyncio.gather(deliver_all(), retry_all())
        done.set()
    while any([await member.release() for member in members]):
        pass
    for counter in counters:
        assert await order(database, counter) == ["", *map(str, range(1, 22))]
