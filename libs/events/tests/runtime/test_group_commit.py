import asyncio
import contextlib
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from events.runtime import group_commit, store
from events.runtime.codec import LARGEST_EVENT, NulCharacter
from events.runtime.group_commit import GroupCommit
from events.runtime.idempotency import IdempotentRequest, Repeated
from events.runtime.refusals import (
    EventTooLarge,
    KeyReused,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
    VersionConflict,
)
from events.runtime.store import BEGINNING, StoredEvent
from events.runtime.streams import Command, Outcome
from events.testing.counters import COUNTER, NOW, Database, Noted, TooMuch, increase, transfer


def request(key: str, digest: bytes = b"same", subject: UUID | None = None) -> IdempotentRequest:
    return IdempotentRequest(
        subject or UUID(int=1), "POST /counters", key, digest, lambda outcome: sorted(outcome.versions.values())
    )


async def versions_in_log(database: Database, stream: UUID) -> list[int]:
    async with database.pool.connect() as conn:
        entries = await store.read_log(conn, BEGINNING, 10_000)
    return [entry.stored.stream_version for entry in entries if entry.stored.stream_id == stream]


async def test_commands_of_many_callers_to_one_stream_all_count_and_each_sees_the_ones_before(database: Database):
    counter = uuid4()
    outcomes = await asyncio.gather(*(database.commands.execute(increase(counter)) for _ in range(100)))
    assert sorted(outcome.versions[counter] for outcome in outcomes) == list(range(1, 101))
    assert (await database.counter(counter)).value == 100
    assert await versions_in_log(database, counter) == list(range(1, 101))


async def test_two_processes_that_race_for_the_same_streams_lose_nothing(database: Database):
    other = GroupCommit(database.pool, database.codec)
    counters = [uuid4() for _ in range(3)]
    work = [commands.execute(increase(counters[i % 3])) for i in range(60) for commands in (database.commands, other)]
    await asyncio.gather(*work)
    for counter in counters:
        assert (await database.counter(counter)).value == 40
        assert await versions_in_log(database, counter) == list(range(1, 41))


async def test_a_command_over_two_streams_commits_both_or_neither_in_a_race(database: Database):
    other = GroupCommit(database.pool, database.codec)
    accounts = [uuid4() for _ in range(4)]
    work = [
        commands.execute(transfer(accounts[i % 4], accounts[(i + 1 + j) % 4]))
        for i in range(24)
        for j, commands in enumerate((database.commands, other))
    ]
    await asyncio.gather(*work)
    values = [(await database.counter(account)).value for account in accounts]
    assert sum(values) == 0
    assert sum([len(await versions_in_log(database, account)) for account in accounts]) == 2 * len(work)


async def test_a_command_that_loses_its_stream_is_decided_again_and_its_neighbour_is_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    contested, quiet = uuid4(), uuid4()
    append = store.append

    async def overtaken(*arguments):
        monkeypatch.setattr(store, "append", append)
        await GroupCommit(database.pool, database.codec).execute(increase(contested, 10))
        return await append(*arguments)

    monkeypatch.setattr(store, "append", overtaken)
    outcomes = await database.commands.execute_all([increase(contested), increase(quiet)])
    assert [outcome.versions for outcome in outcomes] == [{contested: 2}, {quiet: 1}]
    assert (await database.counter(contested)).value == 11
    assert (await database.counter(quiet)).value == 1


async def test_a_refusal_touches_no_neighbour_of_its_group(database: Database):
    counter = uuid4()
    outcomes = await database.commands.execute_all([increase(counter, limit=3) for _ in range(5)])
    assert [isinstance(outcome, Outcome) for outcome in outcomes] == [True, True, True, False, False]
    assert all(isinstance(outcome, TooMuch) for outcome in outcomes[3:])
    assert (await database.counter(counter)).value == 3


async def test_a_caller_who_hangs_up_touches_no_neighbour(database: Database):
    counter, decided = uuid4(), asyncio.Event()

    def last(streams):
        decided.set()
        return increase(counter).decide(streams)

    async with database.pool.connect() as conn:
        # Whoever appends the counter's first version waits for this row: the group is in flight when callers hang up.
        blocking = await conn.begin()
        await store.append(conn, [StoredEvent(uuid4(), counter, 1, "Increased", 1, '{"by": 1}', "{}")])
        calls = [asyncio.create_task(database.commands.execute(increase(counter))) for _ in range(19)]
        command = replace(increase(counter), decide=last)
        calls.append(asyncio.create_task(database.commands.execute(command)))
        await decided.wait()
        for call in calls[::2]:
            call.cancel()
        await asyncio.wait(calls[::2])
        assert not any(call.done() for call in calls[1::2])
        await blocking.rollback()
    settled = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, Outcome) for outcome in settled[1::2])
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in settled[::2])
    assert await versions_in_log(database, counter) == list(range(1, 21))


async def test_callers_beyond_what_can_be_served_soon_are_refused_at_once(database: Database):
    database.commands.most_pending = 3
    counter = uuid4()
    settled = await asyncio.gather(
        *(database.commands.execute(increase(counter)) for _ in range(5)), return_exceptions=True
    )
    assert [type(outcome) for outcome in settled] == [Outcome] * 3 + [Overloaded] * 2
    assert (await database.counter(counter)).value == 3


async def test_a_text_that_the_database_cannot_hold_is_refused_and_the_others_go_in(database: Database):
    counter = uuid4()
    outcomes = await database.commands.execute_all(
        [increase(counter), increase(counter, text="a\u0000b"), increase(counter, text="\\u0000 spelled out")]
    )
    assert isinstance(outcomes[1], NulCharacter)
    assert (await database.counter(counter)).value == 2


async def test_an_event_that_no_message_could_carry_is_refused(database: Database):
    with pytest.raises(EventTooLarge):
        await database.commands.execute(increase(uuid4(), text="x" * LARGEST_EVENT))


async def test_a_mistake_in_one_decision_fails_that_caller_alone(database: Database):
    counter = uuid4()
    stream = COUNTER.stream(counter)

    def broken(_):
        raise ZeroDivisionError

    outcomes = await database.commands.execute_all(
        [increase(counter), Command((stream,), broken, NOW), increase(counter)]
    )
    assert isinstance(outcomes[1], ZeroDivisionError)
    assert (await database.counter(counter)).value == 2


async def test_a_version_that_has_passed_is_a_conflict(database: Database):
    counter = uuid4()
    await database.commands.execute(increase(counter, expected=0))
    with pytest.raises(VersionConflict):
        await database.commands.execute(increase(counter, expected=0))
    await database.commands.execute(increase(counter, expected=1))


async def test_a_command_on_a_stream_that_must_exist_finds_nothing_where_there_is_none(database: Database):
    stream = COUNTER.stream(uuid4())
    with pytest.raises(NotFound):
        await database.commands.execute(Command((stream,), lambda _: [], NOW, requires=(stream,)))


async def test_a_request_that_is_sent_twice_has_one_effect_and_one_answer(database: Database):
    counter = uuid4()
    first = await database.commands.execute_once(increase(counter), request("k"))
    again = await database.commands.execute_once(increase(counter), request("k"))
    assert isinstance(first, Outcome)
    assert again == Repeated([1])
    assert (await database.counter(counter)).value == 1


async def test_requests_with_one_key_at_the_same_time_have_one_effect(database: Database):
    counter = uuid4()
    outcomes = await asyncio.gather(
        *(database.commands.execute_once(increase(counter), request("k")) for _ in range(10))
    )
    assert sum(isinstance(outcome, Outcome) for outcome in outcomes) == 1
    assert (await database.counter(counter)).value == 1


async def test_a_key_that_comes_back_with_another_request_is_refused(database: Database):
    counter = uuid4()
    await database.commands.execute_once(increase(counter), request("k"))
    with pytest.raises(KeyReused):
        await database.commands.execute_once(increase(counter), request("k", digest=b"another"))


async def test_the_same_key_of_another_subject_is_another_request(database: Database):
    counter = uuid4()
    await database.commands.execute_once(increase(counter), request("k", subject=uuid4()))
    await database.commands.execute_once(increase(counter), request("k", subject=uuid4()))
    assert (await database.counter(counter)).value == 2


async def test_a_refused_request_may_be_sent_again(database: Database):
    counter = uuid4()
    with pytest.raises(TooMuch):
        await database.commands.execute_once(increase(counter, limit=0), request("k"))
    await database.commands.execute_once(increase(counter, limit=1), request("k"))
    assert (await database.counter(counter)).value == 1


async def test_a_database_that_stays_away_is_named_as_such(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(group_commit, "_PAUSE", 0)

    async def away(*_):
        raise ConnectionRefusedError

    monkeypatch.setattr(group_commit, "decide", away)
    with pytest.raises(Unavailable):
        await database.commands.execute(increase(uuid4()))


@pytest.mark.parametrize("with_key", [True, False], ids=["with a key", "without a key"])
async def test_connections_killed_under_load_neither_lose_nor_double_an_acknowledged_command(
    database: Database, *, with_key: bool
):
    counters = [uuid4() for _ in range(4)]
    acknowledged = dict.fromkeys(counters, 0)
    progressed = asyncio.Event()

    async def kill() -> None:
        while True:
            await progressed.wait()
            progressed.clear()
            with contextlib.suppress(DBAPIError):
                async with database.pool.connect() as conn:
                    await conn.execute(
                        text(
                            "select pg_terminate_backend(pid) from pg_stat_activity"
                            " where application_name = 'test' and pid <> pg_backend_pid()"
                        )
                    )

    async def call(counter: UUID, number: int) -> None:
        for i in range(6):
            if with_key:
                outcome = await database.commands.execute_once(increase(counter), request(f"{counter} {number} {i}"))
                assert isinstance(outcome, Outcome | Repeated)
            else:
                await database.commands.execute(increase(counter))
            acknowledged[counter] += 1
            progressed.set()

    killing = asyncio.create_task(kill())
    await asyncio.gather(*(call(counter, number) for counter in counters for number in range(2)))
    killing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await killing
    for counter in counters:
        assert (await database.counter(counter)).value == acknowledged[counter] == 12


async def test_a_commit_whose_outcome_nobody_can_tell_is_not_decided_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    counter = uuid4()
    append = store.append

    async def commit_and_lose_the_connection(conn, rows):
        await append(conn, rows)
        raise ConnectionResetError

    async def away(*_):
        raise OSError

    monkeypatch.setattr(store, "append", commit_and_lose_the_connection)
    monkeypatch.setattr(store, "present", away)
    monkeypatch.setattr(group_commit, "_PAUSE", 0)
    outcomes = await database.commands.execute_all([increase(counter), increase(counter)])
    assert all(isinstance(outcome, OutcomeUnknown) for outcome in outcomes)
    assert await versions_in_log(database, counter) == [1, 2]


async def test_personal_fields_are_unreadable_in_the_table_and_gone_with_their_key(database: Database):
    counter, author = uuid4(), uuid4()
    stream = COUNTER.stream(counter)
    await database.commands.execute(
        Command((stream,), lambda _: [(stream, Noted(author=author, note="canary-4711"))], NOW)
    )
    assert (await database.counter(counter)).notes == ("canary-4711",)
    async with database.pool.begin() as conn:
        stored = (await conn.execute(text("select data::text from events"))).scalar_one()
        assert "canary" not in stored
        await conn.execute(text("delete from subject_keys"))
    assert (await database.counter(counter)).notes == (None,)
