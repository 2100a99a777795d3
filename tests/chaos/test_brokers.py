"""Of three brokers any one may die: each is told to keep a copy of everything, and to have two before it says so."""

from pathlib import Path

import pytest

import kafka_node
from viceversa.platform.ports import Ports


def _settings(folder: Path, member: kafka_node.Member) -> dict[str, str]:
    text = kafka_node._properties(folder, 20_001, member, 4, 20_002)
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(("brokers", "copies", "taken"), [(1, "1", "1"), (3, "3", "2")])
def test_two_of_three_brokers_must_have_a_record_before_it_is_acknowledged(brokers: int, copies: str, taken: str):
    settings = kafka_node.server_settings(partitions=4, brokers=brokers)
    replicated = {name: value for name, value in settings.items() if name.endswith("replication.factor")}
    assert set(replicated.values()) == {copies}
    assert {"default.replication.factor", "offsets.topic.replication.factor"} < set(replicated)
    assert settings["min.insync.replicas"] == settings["transaction.state.log.min.isr"] == taken


def test_every_node_of_a_cluster_votes_who_leads(tmp_path: Path):
    nodes = [_settings(tmp_path, member) for member in kafka_node.members(3, Ports())]
    (voters,) = {node["controller.quorum.voters"] for node in nodes}
    for node in nodes:
        assert node["process.roles"] == "broker,controller"
        own = next(each for each in node["listeners"].split(",") if each.startswith("CONTROLLER://"))
        assert f"{node['node.id']}@{own.removeprefix('CONTROLLER://')}" in voters.split(",")
    assert len(voters.split(",")) == len({node["node.id"] for node in nodes}) == 3


def test_a_cut_between_clients_and_a_broker_is_none_between_brokers(tmp_path: Path):
    (member, *_) = kafka_node.members(3, Ports())
    settings = _settings(tmp_path, member)
    advertised = settings["advertised.listeners"].split(",")
    assert advertised == ["PLAINTEXT://localhost:20002", f"BETWEEN://localhost:{member.between}"]
    assert settings["inter.broker.listener.name"] == "BETWEEN"
