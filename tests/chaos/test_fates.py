import random
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer

from chaos import report
from chaos.campaign import Options, Plan, Result
from chaos.checker.evidence import Evidence
from chaos.fates import Fate, Missed, Suffered, totals
from chaos.faults import FAULTS
from chaos.faults.fault import Fault
from chaos.faults.messages import _newest, _rewind
from chaos.faults.points import _reached
from chaos.faults.sending import Sent, send_all
from chaos.ground import patiently
from chaos.journal import Record
from chaos.schedule import Injection
from chaos.suffering import carry_out
from integration.processes import Program
from integration.servers import Kind

NOW = Injection(at=0.0, lasts=0.0, fault="test", parameters={"service": "matching"})


class Told(Fault):
    """Raises what it was told to; remembers whether it was healed."""

    name = "test"

    def __init__(self, injecting: Exception | None = None, healing: Exception | None = None) -> None:
        self._injecting, self._healing = injecting, healing
        self.healed = False

    async def inject(self, *_: Any) -> None:
        if self._injecting is not None:
            raise self._injecting

    async def heal(self, *_: Any) -> None:
        self.healed = True
        if self._healing is not None:
            raise self._healing


async def test_a_fault_that_was_carried_out_misses_nothing():
    assert await carry_out(Told(), None, NOW) is None


async def test_a_fault_that_could_not_be_injected_is_healed_and_says_why():
    fault = Told(injecting=Missed("no Kafka"))
    missed = await carry_out(fault, None, NOW)
    assert (str(missed), missed.fate, fault.healed) == ("no Kafka", Fate.SKIPPED, True)


async def test_a_fault_may_find_in_the_end_that_it_was_not_reached():
    missed = await carry_out(Told(healing=Missed("nobody came by", Fate.NOT_REACHED)), None, NOW)
    assert (str(missed), missed.fate) == ("nobody came by", Fate.NOT_REACHED)


async def test_an_error_that_no_fault_foresees_ends_the_campaign_and_is_healed():
    fault = Told(injecting=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await carry_out(fault, None, NOW)
    assert fault.healed


async def test_what_kafka_refuses_is_tried_again_until_it_answers():
    answers = iter([KafkaException("away"), OSError("away"), "here"])

    async def attempt() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await patiently(attempt) == "here"


async def test_what_kafka_refuses_for_too_long_is_missed_and_named():
    async def attempt() -> None:
        raise KafkaException("nobody home")

    with pytest.raises(Missed, match=r"KafkaException.*nobody home"):
        await patiently(attempt, within=0)


def test_records_that_nobody_takes_are_missed():
    record = Sent("test", b"key", b"value", [])
    with pytest.raises(Missed, match="0 of 1 records") as refusal:
        send_all("127.0.0.1:9", [record], within=0.5)
    assert refusal.value.fate is Fate.SKIPPED


def test_the_newest_records_of_a_topic_are_sent_again_as_they_were_and_its_groups_rewound():
    keeper = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(keeper.list_topics(timeout=10).brokers.values()))
    kafka = f"{broker.host}:{broker.port}"
    send_all(kafka, [Sent("test", b"key", b"value", [("ce_id", b"1")])])
    (found,) = _newest(kafka, "test")
    assert (found.key, found.value, list(found.headers)) == (b"key", b"value", [("ce_id", b"1")])
    send_all(kafka, [found] * 3)
    assert _newest(kafka, "test") == [found] * 4
    _rewind(kafka, "test.group", ["test"])


@pytest.mark.parametrize(
    ("end", "reached"),
    [("os.kill(os.getpid(), signal.SIGKILL)", True), ("sys.exit(1)", False), ("os.abort()", False)],
)
def test_only_a_process_that_killed_itself_has_reached_its_fail_point(end: str, reached: bool, tmp_path: Path):  # noqa: FBT001
    command = (sys.executable, "-c", f"import os, signal, sys; {end}")
    program = Program("test", command, {}, "", tmp_path / "log").start()
    assert program.process is not None
    assert (program.process.wait(20) == -signal.SIGKILL) is reached
    assert _reached(program) is reached


def test_one_of_several_brokers_can_be_killed_and_the_only_one_cannot():
    why_not = FAULTS["kill-broker"].why_not
    alone = SimpleNamespace(kafka=object(), brokers=())
    three = SimpleNamespace(kafka=object(), brokers=(object(),) * 3)
    assert "--brokers 3" in why_not(alone)
    assert why_not(three) is None


@pytest.mark.parametrize("name", ["kill-broker", "kill-kafka", "cut-broker"])
def test_no_other_fault_of_kafka_happens_while_a_broker_is_dead(name: str):
    fault = FAULTS[name]
    assert fault.target(fault.draw(random.Random(1))) == "kafka"


def _result(suffered: list[Suffered], tmp_path: Path) -> Result:
    options = Options(1, 60, len(suffered), (), Kind.JARS, tmp_path)
    plan = Plan([one.injection for one in suffered], {"kill-broker": "one broker is all of Kafka"})
    return Result(options, plan, Evidence(Record(), {}), [], suffered, 0)


def _each(fate: Fate) -> Suffered:
    return Suffered(NOW, 1.0, fate, "" if fate is Fate.CARRIED_OUT else f"of {fate.name}")


@pytest.mark.parametrize("file", ["report.md", "report.json"])
def test_a_report_tells_what_became_of_each_fault_and_why(file: str, tmp_path: Path):
    report.write(_result([_each(fate) for fate in Fate], tmp_path), tmp_path)
    text = (tmp_path / file).read_text()
    for fate in Fate:
        assert fate.value in text
        assert fate is Fate.CARRIED_OUT or f"of {fate.name}" in text
    assert "one broker is all of Kafka" in text


def test_the_totals_name_every_fate_even_that_of_no_fault():
    assert totals([_each(Fate.SKIPPED)]) == {"carried out": 0, "in part": 0, "not reached": 0, "skipped": 1}
