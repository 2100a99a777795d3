"""A Kafka is for one platform: a second would share its consumer groups."""

from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from viceversa.platform import groups, infrastructure
from viceversa.platform.groups import refuse_if_another_platform_consumes
from viceversa.platform.local import LocalPlatform
from viceversa.platform.refusal import PlatformRefused

MEMBER = ("id", "matching", "/10.0.0.7", b"", b"")


class Kafka:
    """Groups by name, each with its members at every look; the last stay."""

    def __init__(self, **looks):
        self._looks = {name.replace("_", "."): list(members) for name, members in looks.items()}
        self.described = Counter()

    async def list_consumer_groups(self):
        return [(name, "consumer") for name in self._looks]

    async def describe_consumer_groups(self, names):
        (name,) = names
        self.described[name] += 1
        looks = self._looks[name]
        members = looks.pop(0) if len(looks) > 1 else looks[0]
        return [SimpleNamespace(groups=[(0, name, "Stable", "consumer", "range", members, -1)])]


@pytest.fixture
def given(monkeypatch):
    def given(kafka):
        @asynccontextmanager
        async def administration(_):
            yield kafka

        monkeypatch.setattr(groups, "administration", administration)
        monkeypatch.setattr(groups, "_BETWEEN_LOOKS", 0)
        return kafka

    return given


async def test_a_kafka_that_another_platform_consumes_from_is_refused_with_who_and_what_to_do(given, monkeypatch):
    monkeypatch.setattr(groups, "_LONGEST_FAREWELL", 0)
    given(Kafka(matching_reactor=[[MEMBER]], feedback_reactor=[[]], feedback_units=[[MEMBER]]))
    with pytest.raises(
        PlatformRefused,
        match=r"the Kafka at kafka:9092: feedback.units, matching.reactor have members at 10.0.0.7. .*stop the other",
    ):
        await refuse_if_another_platform_consumes("kafka:9092")


async def test_the_members_of_a_killed_platform_are_given_the_time_to_time_out(given):
    kafka = given(Kafka(matching_reactor=[[MEMBER], [MEMBER], []]))
    await refuse_if_another_platform_consumes("kafka:9092")
    assert kafka.described == {"matching.reactor": 3}


async def test_other_systems_may_consume_as_they_like(given):
    kafka = given(Kafka(reports_pairs=[[MEMBER]], matching_experiment=[[MEMBER]]))
    await refuse_if_another_platform_consumes("kafka:9092")
    assert not kafka.described


async def test_a_platform_does_not_start_its_services_on_anothers_kafka(folder, stand_ins, monkeypatch):
    async def no_topics(_):
        return []

    async def refuse(kafka):
        raise PlatformRefused(f"another platform consumes from the Kafka at {kafka}")

    monkeypatch.setattr(infrastructure, "create_topics", no_topics)
    monkeypatch.setattr(infrastructure, "refuse_if_another_platform_consumes", refuse)
    started = set()
    with pytest.raises(PlatformRefused, match="another platform consumes from the Kafka at kafka:9092"):
        async with LocalPlatform(
            folder, "kafka:9092", services=stand_ins, changed=lambda process: process.pid and started.add(process.name)
        ):
            pass
    assert not started & stand_ins.keys()
