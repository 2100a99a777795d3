"""However the number of shards changes, and whoever goes on beside it, nothing is left out and no key is disordered."""

from collections import defaultdict
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from events.runtime import cursors, store
from events.runtime.shards import cursor_of, sent_by_all, shards, take_up
from events.runtime.store import BEGINNING, Position, Shard
from events.testing.counters import Database, increase

STREAMS = 7


def test_an_undivided_relay_keeps_its_name():
    assert cursor_of("relay", Shard(0, 1)) == "relay"
    assert [cursor_of("relay e7", shard) for shard in shards(2)] == ["relay e7 1 of 2", "relay e7 2 of 2"]


def test_a_number_counts_only_when_all_its_cursors_are_there():
    standing = {"relay 1 of 2": Position(9, 1), "relay 2 of 2": Position(7, 1), "relay 1 of 3": Position(99, 1)}
    assert sent_by_all("relay", standing) == Position(7, 1)
    assert sent_by_all("relay", standing | {"relay": Position(8, 1)}) == Position(8, 1)
    assert sent_by_all("relay e7", standing) == BEGINNING


@given(
    st.lists(st.integers(0, STREAMS - 1), max_size=60),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(1, 9), st.booleans()), max_size=60),
)
def test_first_occurrences_rise_whatever_numbers_of_shards_run_side_by_side(log, pages):
    """Each page: of which number, which shard, how long, and whether it dies before its cursor moves."""
    entries = list(enumerate(log, start=1))
    standing: dict[str, Position] = {}
    sent: list[tuple[int, int]] = []

    def relay(shard: Shard, page: int, *, dies: bool) -> None:
        cursor = cursor_of("relay", shard)
        after = max(standing.get(cursor, BEGINNING), sent_by_all("relay", standing))
        standing[cursor] = after
        found = [entry for entry in entries if entry[0] > after.transaction_id and entry[1] % shard.of == shard.number]
        sent.extend(found[:page])
        if not dies:
            end = found[page - 1][0] if len(found) >= page else len(entries)
            standing[cursor] = max(after, Position(end, 0))

    for of, number, page, dies in pages:
        relay(Shard(number % of, of), page, dies=dies)
    for shard in shards(3):
        relay(shard, len(entries) + 1, dies=False)
    first: dict[int, list[int]] = defaultdict(list)
    for at, stream in dict.fromkeys(sent):
        first[stream].append(at)
    expected: dict[int, list[int]] = defaultdict(list)
    for at, stream in entries:
        expected[stream].append(at)
    assert first == expected


async def test_a_log_in_shards_is_the_log_and_a_stream_is_always_in_the_same(database: Database):
    counters = [uuid4() for _ in range(40)]
    await database.commands.execute_all([increase(counter) for counter in counters for _ in range(3)])
    async with database.pool.connect() as conn:
        whole = await store.read_log(conn, BEGINNING, 1_000)
        parts = [await store.read_log(conn, BEGINNING, 1_000, shard) for shard in shards(3)]
        lags = [(await store.backlog(conn, whole[59].position, shard))[0] for shard in shards(3)]
    assert sorted(entry for part in parts for entry in part) == whole
    streams = [{entry.stored.stream_id for entry in part} for part in parts]
    assert all(len(found) > 3 for found in streams)
    assert sum(map(len, streams)) == 40
    assert sum(lags) == 60
    assert all(int.from_bytes(stream.bytes[-2:]) % 3 == i for i, found in enumerate(streams) for stream in found)


async def test_a_new_number_begins_where_the_former_one_has_sent_everything(database: Database):
    await database.commands.execute_all([increase(UUID(int=i)) for i in range(9)])
    async with database.pool.begin() as conn:
        places = [entry.position for entry in await store.read_log(conn, BEGINNING, 100)]
        assert await take_up(conn, "relay", Shard(0, 1)) == BEGINNING
        await cursors.move(conn, "relay", BEGINNING, places[3])
        assert [await take_up(conn, "relay", shard) for shard in shards(2)] == [places[3]] * 2
        await cursors.move(conn, "relay 1 of 2", places[3], places[8])
        await cursors.move(conn, "relay 2 of 2", places[3], places[6])
        assert await take_up(conn, "relay", Shard(0, 1)) == places[6]
        assert await take_up(conn, "relay 2026", Shard(0, 1)) == BEGINNING
