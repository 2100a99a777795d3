"""The command line, as far as it needs no running platform."""

import socket

import pytest
from typer.testing import CliRunner

from viceversa.main import app


@pytest.fixture
def viceversa():
    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


def test_status_of_a_folder_where_nothing_runs_says_so_and_fails(viceversa, tmp_path):
    result = viceversa("status", "--data", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "no platform runs" in result.output
    assert not (tmp_path / "nothing").exists()


def test_down_where_nothing_runs_says_so_and_makes_nothing(viceversa, tmp_path):
    result = viceversa("down", "--data", tmp_path / "nothing")
    assert result.exit_code == 0
    assert "there is no platform" in result.output
    assert not (tmp_path / "nothing").exists()


def test_down_in_a_strangers_folder_leaves_nothing_there(viceversa, tmp_path):
    result = viceversa("down", "--data", tmp_path)
    assert result.exit_code == 0
    assert "there is no platform" in result.output
    assert list(tmp_path.iterdir()) == []


def test_topics_are_not_created_where_no_kafka_answers(viceversa):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    result = viceversa("topics", "create", "--kafka", f"127.0.0.1:{port}")
    assert result.exit_code == 1
    assert f"Kafka at 127.0.0.1:{port} does not answer" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("address", ["", "kafka", "kafka:port", "kafka:9092,", "http://kafka:9092"])
def test_what_is_no_address_is_not_taken_for_a_kafka(viceversa, address):
    result = viceversa("topics", "create", "--kafka", address)
    assert result.exit_code == 1
    assert "is no address of a Kafka; give host:port" in result.output


def test_every_command_explains_itself(viceversa):
    result = viceversa("--help")
    assert result.exit_code == 0
    assert all(command in result.output for command in ("up", "down", "status", "demo", "topics"))


def test_a_data_folder_that_cannot_be_one_is_refused_with_the_option_to_change(viceversa, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    result = viceversa("up", "--data", tmp_path / "file")
    assert result.exit_code == 1
    assert "cannot be the data folder" in result.output
    assert "--data" in result.output
