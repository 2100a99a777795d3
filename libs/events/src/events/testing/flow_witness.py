"""Checks a flow from the outside: it knows what was told, and reads topic, offsets and tables for itself."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from aiokafka import TopicPartition

from events.contracts.envelope import Envelope, MalformedMessage, decode
from events.testing.flow import GARBAGE, Facts
from events.testing.simulated_kafka import SimulatedKafka


class Violation(AssertionError):
    """Something that must hold does not."""


def _holds(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise Violation(what)


@dataclass(slots=True)
class Witness:
    """`told` counts what each key told, in the order of its commits."""

    kafka: SimulatedKafka
    told: dict[UUID, int]
    seen: Counter[str]
    """How often something came about that histories should come to."""
    ids: dict[tuple[UUID, int], UUID] = field(default_factory=dict)
    """(key, number) → id of the published event."""
    _cursor: tuple[int, int] = (0, 0)

    def check(self, facts: Facts) -> None:
        """What holds at any moment. Raises Violation."""
        self._check_topic(facts)
        self._check_effects(facts)
        self._check_nothing_is_lost(facts)
        self.seen.update(what for what, rows in facts.rows.items() if rows)

    def published(self, place: TopicPartition) -> Iterator[Envelope]:
        """What the relays sent to a partition."""
        for record in self.kafka.log[place]:
            try:
                found, _ = decode(record.headers)
            except MalformedMessage:
                continue
            if record.value != GARBAGE:
                yield found

    def _check_topic(self, facts: Facts) -> None:
        _holds(facts.cursor >= self._cursor, "a cursor never goes back")
        self._cursor = facts.cursor
        first: dict[UUID, list[int]] = defaultdict(list)
        sent = 0
        self.ids = {}
        for place in self.kafka.log:
            for found in self.published(place):
                sent += 1
                known = self.ids.setdefault((found.subject, found.sequence), found.id)
                _holds(known == found.id, "one event has one id, however often it is sent")
                if found.sequence not in first[found.subject]:
                    first[found.subject].append(found.sequence)
        for key, numbers in first.items():
            _holds(numbers == list(range(1, len(numbers) + 1)), f"first occurrences of a key rise, not {numbers}")
            _holds(len(numbers) <= self.told[key], "only what is committed is published")
        for row in facts.rows["relayed"]:
            _holds((row.key, row.number) in self.ids, "the cursor never passes what the broker has not stored")
        self.seen["sent again"] += sent > len(self.ids)

    def _check_effects(self, facts: Facts) -> None:
        heard: dict[UUID, list[int]] = defaultdict(list)
        for row in facts.rows["heard"]:
            heard[row.key].append(row.number)
            _holds(self.ids.get((row.key, row.number)) == row.event_id, "an effect is of an event that was published")
        _holds(facts.ids("heard") <= facts.ids("inbox"), "an effect and its inbox row commit together")
        given_up = facts.ids("discarded")
        for key, done in heard.items():
            _holds(len(done) == len(set(done)), f"an effect happens once, not {done}")
            _holds(done == sorted(done), f"effects of a key keep its order, not {done}")
            passed = {number for (of, number), event_id in self.ids.items() if of == key and event_id in given_up}
            _holds(not passed & set(done), "what was given up has no effect")
            gaps = set(range(1, done[-1])) - set(done) - passed
            _holds(not gaps, f"no message of a key overtakes another, as {done[-1]} did {gaps}")

    def _check_nothing_is_lost(self, facts: Facts) -> None:
        everywhere = Counter(
            event_id for name in ("inbox", "waiting", "dead", "discarded") for event_id in facts.ids(name)
        )
        twice = [event_id for event_id, times in everywhere.items() if times > 1]
        _holds(not twice, f"a message is applied, or waits, or is dead: not two of them, as {twice}")
        for place, committed in self.kafka.committed.items():
            for record in self.kafka.log[place][:committed]:
                try:
                    found, _ = decode(record.headers)
                except MalformedMessage:
                    continue
                _holds(found.id in everywhere, "what was acknowledged is applied, waits, or is dead")
