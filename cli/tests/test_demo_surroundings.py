"""A platform that somebody else runs, as the demo finds it, and what is said when it cannot be found."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from viceversa.demo.surroundings import described
from viceversa.main import app
from viceversa.platform.refusal import PlatformRefused

SERVICES = ("enrollment", "matching", "sessions", "feedback")


def description(**changed):
    return {
        "services": {name: {"url": f"http://127.0.0.1:1/{name}", "pid": None} for name in SERVICES},
        "kafka": "127.0.0.1:1",
        "identity_provider": "http://127.0.0.1:1",
        **changed,
    }


def written(folder, content):
    file = folder / "platform.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_a_description_says_where_everything_answers_and_where_the_spans_are(tmp_path):
    found = described(written(tmp_path, description(spans="/elsewhere")))

    assert found.urls == {name: f"http://127.0.0.1:1/{name}" for name in SERVICES}
    assert (found.kafka, found.identity_provider) == ("127.0.0.1:1", "http://127.0.0.1:1")
    assert found.spans == Path("/elsewhere")


def test_without_a_folder_for_spans_they_lie_beside_the_description(tmp_path):
    assert described(written(tmp_path, description())).spans == tmp_path / "spans"


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", description(services={}), description(kafka=None), description(identity_provider=7)],
)
def test_what_describes_no_platform_is_refused(tmp_path, content):
    with pytest.raises(PlatformRefused, match="does not describe a running platform"):
        described(written(tmp_path, content))


def test_a_description_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PlatformRefused, match=r"there is no .*platform\.json"):
        described(tmp_path / "platform.json")


def test_a_platform_that_does_not_answer_is_told_in_one_message(tmp_path):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        kafka = f"127.0.0.1:{nobody_listens.getsockname()[1]}"
        file = written(tmp_path, description(kafka=kafka))

        ended = CliRunner().invoke(app, ["demo", "--platform", str(file)])

    assert ended.exit_code == 1
    assert f"Kafka at {kafka} does not answer" in ended.output
    assert "Traceback" not in ended.output
