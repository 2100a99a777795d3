"""Whatever dies, freezes or comes twice, in whatever order: nothing is lost, nothing happens twice, keys keep order."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from structlog.testing import capture_logs

from events.runtime.database import create_pool
from events.runtime.schema import metadata
from events.testing.checkpoints import Deed, Fate
from events.testing.flow import Flow
from events.testing.flow_domain import KEYS, key_of
from events.testing.flow_mistakes import MISTAKES
from events.testing.flow_witness import Witness
from events.testing.histories import histories
from events.testing.simulated_kafka import Answer

UNTIL_ALL_IS_WELL = 40
MEMBERS = st.integers(0, 1)
RELAYS = st.integers(0, 1)
NUMBERS = st.integers(0, KEYS - 1)
NOTHING = st.just(None)
FATES = st.one_of(
    NOTHING,
    st.tuples(st.sampled_from(["read", "decided"]), st.sampled_from(Deed)),
    st.tuples(st.just("appended"), st.sampled_from([Deed.FAIL, Deed.DIE])),
)


class Meanwhile(Enum):
    """What may happen while a member is frozen."""

    CAUSES_COME = auto()
    CODE_IS_MENDED = auto()
    LETTERS_ARE_GIVEN_UP = auto()
    LETTERS_ARE_TRIED = auto()
    WAITING_ARE_RELEASED = auto()
    PATIENCE_ENDS = auto()
    DISKS_FILL = auto()


def fate_of(drawn) -> Fate:
    return Fate(*drawn) if drawn else Fate("never", Deed.DIE)


class Flows(RuleBasedStateMachine):
    """What was told, in the order of its commits, is the model; the witness reads all else from topic and tables."""

    runner: ClassVar[asyncio.Runner]
    pool = None
    seen: ClassVar[Counter]

    def __init__(self):
        super().__init__()
        self.flow = self.do(self._new_flow())
        self.told = dict.fromkeys(map(key_of, range(KEYS)), 0)
        self.violated = False
        self.witness = Witness(self.flow.kafka, self.told, type(self).seen)

    async def _new_flow(self):
        return Flow(type(self).pool)

    def do(self, work):
        return type(self).runner.run(work)

    # Appends

    @rule(number=NUMBERS, causes=st.lists(NUMBERS, max_size=2), times=st.integers(1, 3), poison=st.integers(0, 3))
    def something_is_told(self, number, causes, times, poison):
        key = key_of(number)
        if key == self.flow.held:
            return
        for i in range(times):
            # Causes come from lower keys only: in a circle nothing would ever be heard.
            self.do(self.flow.tell(key, [cause for cause in causes if cause < number]))
            self._committed(key, poison=poison == 0 and i == 0)

    def _committed(self, key, *, poison=False):
        self.told[key] += 1
        if poison:
            self.flow.world.poison.add((key, self.told[key]))

    @rule(number=NUMBERS)
    def an_append_stays_open(self, number):
        if self.flow.held is None:
            self.do(self.flow.tell(key_of(number), [], hold=True))

    @rule(commits=st.booleans())
    def the_open_append_ends(self, commits):
        key = self.flow.held
        self.do(self.flow.end_append(commit=commits))
        if key is not None and commits:
            self._committed(key)

    @rule(place=MEMBERS, number=st.one_of(NOTHING, NUMBERS))
    def garbage_comes(self, place, number):
        self.flow.bring_garbage(self.flow.places[place], None if number is None else key_of(number))

    # Relays

    @rule(
        which=RELAYS,
        steps=st.integers(1, 4),
        answers=st.lists(st.sampled_from(Answer), max_size=3),
        stops=st.booleans(),
    )
    def a_relay_goes_on(self, which, steps, answers, stops):
        relay = self.flow.relays[which]
        relay.answers[:] = answers
        relay.stops_before_cursor = stops
        for _ in range(steps):
            self.do(relay.step())

    @rule(which=RELAYS)
    def a_relay_dies(self, which):
        self.do(self.flow.relays[which].die())

    @rule(
        number=NUMBERS,
        causes=st.lists(NUMBERS, max_size=2),
        poison=st.integers(0, 3),
        answers=st.lists(st.sampled_from(Answer), max_size=2),
    )
    def something_is_told_and_heard(self, number, causes, poison, answers):
        """What mostly happens; by single faulty steps few histories would come far."""
        self.something_is_told(number, causes, 2, poison)
        self.a_relay_goes_on(0, 4, answers, stops=False)
        for member in (0, 1):
            self.a_batch_is_delivered(member, 100, 1, None, commits=True)
            self.what_waits_is_looked_at(member, None)

    # Consumers

    @rule(
        member=MEMBERS, most=st.integers(1, 6), repeat=st.sampled_from([1, 1, 2, 5]), fate=FATES, commits=st.booleans()
    )
    def a_batch_is_delivered(self, member, most, repeat, fate, commits):
        self.do(self.flow.deliver(member, most, repeat=repeat, fate=fate_of(fate), commits=commits))

    @rule(
        number=NUMBERS,
        causes=st.lists(NUMBERS, max_size=2),
        poison=st.booleans(),
        frozen=st.tuples(st.sampled_from(["read", "decided"]), st.booleans()),
        meanwhile=st.lists(st.sampled_from(Meanwhile), max_size=3),
    )
    def a_member_freezes_and_comes_back_as_a_zombie(self, number, causes, poison, frozen, meanwhile):
        """It had read its inbox, and it may not have heard that its partitions became another's."""
        at, hears = frozen
        self.something_is_told(number, causes, 2, poison=0 if poison else 1)
        self.a_relay_goes_on(0, 3, [], stops=False)
        self.the_group_is_balanced_again([0, 0], frozen_hear=True)
        self.a_batch_is_delivered(0, 100, 1, (at, Deed.FREEZE), commits=True)
        self.the_group_is_balanced_again([1, 1], frozen_hear=hears)
        self.a_batch_is_delivered(1, 100, 1, None, commits=True)
        for what in meanwhile:
            self._meanwhile(what, causes)
        self.a_frozen_member_goes_on(0)
        self.disks_are_full_or_have_room(full=False)

    def _meanwhile(self, what, causes):
        match what:
            case Meanwhile.CAUSES_COME:
                for cause in causes:
                    self.something_is_told(cause, [], 1, poison=1)
                self.a_relay_goes_on(0, 3, [], stops=False)
                self.a_batch_is_delivered(1, 100, 1, None, commits=True)
            case Meanwhile.CODE_IS_MENDED:
                self.the_code_is_mended()
            case Meanwhile.LETTERS_ARE_GIVEN_UP:
                for _ in range(3):
                    self.a_dead_letter_is_given_up(1, 0, None)
            case Meanwhile.LETTERS_ARE_TRIED:
                self.a_dead_letter_is_tried_again(1, 0, None)
            case Meanwhile.WAITING_ARE_RELEASED:
                self.what_waits_is_looked_at(1, None)
            case Meanwhile.PATIENCE_ENDS:
                self.what_waits_has_waited_too_long()
                self.what_waits_is_looked_at(1, None)
            case Meanwhile.DISKS_FILL:
                self.disks_are_full_or_have_room(full=True)

    @rule(member=MEMBERS)
    def a_frozen_member_goes_on(self, member):
        self.do(self.flow.thaw(member))

    @rule(member=MEMBERS)
    def a_member_dies(self, member):
        self.do(self.flow.kill(member))

    @rule(owners=st.lists(MEMBERS, min_size=2, max_size=2), frozen_hear=st.booleans())
    def the_group_is_balanced_again(self, owners, frozen_hear):
        self.flow.share_out(owners, frozen_hear=frozen_hear)

    @rule(place=MEMBERS, offset=st.integers(0, 10))
    def the_group_is_set_back(self, place, offset):
        self.flow.rewind(self.flow.places[place], offset)

    @rule(member=MEMBERS, fate=FATES)
    def what_waits_is_looked_at(self, member, fate):
        self.do(self.flow.release(member, fate_of(fate)))

    @rule()
    def what_was_frozen_beside_the_batches_goes_on(self):
        self.do(self.flow.thaw_aside())

    # Operators and the world

    @rule(member=MEMBERS, which=st.integers(0, 5), fate=FATES)
    def a_dead_letter_is_tried_again(self, member, which, fate):
        if letters := self._letters():
            self.do(self.flow.retry(member, letters[which % len(letters)], fate_of(fate)))

    @rule(member=MEMBERS, which=st.integers(0, 5), fate=FATES)
    def a_dead_letter_is_given_up(self, member, which, fate):
        if letters := self._letters():
            self.do(self.flow.discard(member, letters[which % len(letters)], fate_of(fate)))

    def _letters(self):
        """Open ones, in the order of the topic: their ids are random, and a history must be repeatable."""
        dead = self.do(self.flow.look()).ids("dead")
        known = [found.id for place in self.flow.places for found in self.witness.published(place) if found.id in dead]
        return list(dict.fromkeys(known)) + sorted(dead.difference(known))

    @rule()
    def the_code_is_mended(self):
        self.flow.world.poison.clear()

    @rule(full=st.booleans())
    def disks_are_full_or_have_room(self, full):
        self.flow.world.full = full

    @rule(seconds=st.sampled_from([1, 10, 60]))
    def time_passes(self, seconds):
        self.flow.time.passes(seconds)

    @rule()
    def what_waits_has_waited_too_long(self):
        self.do(self.flow.wait_is_over())

    @invariant()
    def all_holds(self):
        self.violated = True
        assert self.flow.unexpected == []
        self.witness.check(self.do(self.flow.look()))
        self.violated = False

    # Healing

    def teardown(self):
        try:
            if not self.violated:
                self._heal()
        finally:
            self.do(self.flow.close())

    def _heal(self):
        flow = self.flow
        flow.world.poison.clear()
        flow.world.full = False
        self.the_open_append_ends(commits=True)
        self.do(flow.thaw_aside())
        for member in (0, 1):
            self.do(flow.thaw(member))
        flow.share_out([0, 1])
        for _ in range(UNTIL_ALL_IS_WELL):
            if self._is_well():
                break
            self._round()
        self.all_holds()
        facts = self.do(flow.look())
        assert (facts.rows["waiting"], facts.rows["dead"]) == ([], [])
        assert flow.kafka.committed == {place: len(log) for place, log in flow.kafka.log.items()}
        assert len(self.witness.ids) == sum(self.told.values()), "the topic holds all that was told"
        assert len(facts.rows["heard"]) + len(facts.ids("discarded") & set(self.witness.ids.values())) == len(
            self.witness.ids
        ), "all that was told is heard, or was given up"
        assert all(member.consumer.stopped == {} for member in flow.members)

    def _is_well(self):
        facts = self.do(self.flow.look())
        behind = any(self.flow.kafka.committed[place] < len(log) for place, log in self.flow.kafka.log.items())
        relayed = len(facts.rows["relayed"]) == sum(self.told.values())
        return relayed and not behind and not facts.rows["waiting"] and not facts.rows["dead"]

    def _round(self):
        for number in range(KEYS):
            if not self.told[key_of(number)]:
                self.something_is_told(number, [], 1, poison=1)
        for which in (0, 1):
            self.a_relay_goes_on(which, 4, [], stops=False)
        for member in (0, 1):
            self.a_batch_is_delivered(member, 100, 1, None, commits=True)
            self.what_waits_is_looked_at(member, None)
        for letter in self._letters():
            self.do(self.flow.retry(0, letter, fate_of(None)))
            if letter in self.do(self.flow.look()).ids("dead") and letter not in set(self.witness.ids.values()):
                self.do(self.flow.discard(0, letter, fate_of(None)))
        self.time_passes(60)


@pytest.fixture
def machine(database_url: str) -> Iterator[type[Flows]]:
    """Flows over a store of its own."""

    class Machine(Flows):
        seen: ClassVar[Counter] = Counter()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        Machine.runner = runner
        Machine.pool = create_pool(database_url, name="flow", size=12)
        runner.run(prepared(Machine.pool))
        with capture_logs():
            yield Machine
        runner.run(Machine.pool.dispose())


async def prepared(pool) -> None:
    async with pool.begin() as conn:
        await conn.run_sync(metadata.create_all)


def test_nothing_is_lost_nothing_happens_twice_and_keys_keep_their_order(machine):
    run_state_machine_as_test(machine, settings=histories(20, steps=30))
    # What holds of all that happened would hold of nothing.
    assert {"heard", "waiting", "dead", "discarded", "sent again"} <= set(+machine.seen)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_is_found(machine, mistake: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch):
    mistake(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=settings(histories(400, steps=30), derandomize=True, database=None))
