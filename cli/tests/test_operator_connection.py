"""How operators' commands reach services, and what they say when they cannot."""

import socket

import pytest

from viceversa.operations.connection import TOKEN, operate
from viceversa.platform.refusal import PlatformRefused


async def ask_all(connection):
    return [(await connection.operator.get(service, "/v1/thing")).body for service in connection.services]


def by_name(service, method, path, query):
    return 200, f"{method} {service}"


def no(status):
    return lambda *_: (status, {"title": "No", "detail": "It is so."})


def test_every_service_of_a_folder_is_asked_with_an_operators_token(operated, tmp_path):
    with operated(by_name) as platform:
        folder = platform.describe(tmp_path / "data", "enrollment", "matching")
        assert operate(ask_all, folder, None) == ["GET enrollment", "GET matching"]
    assert platform.requests[-1] == ("GET", "/matching/v1/thing", "Bearer pass for badge ['operator']")


def test_a_service_is_asked_by_its_url_with_the_token_of_the_environment(operated, tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN, "mine")
    with operated(by_name) as platform:
        assert operate(ask_all, tmp_path, f"{platform.url}/sessions/") == ["GET sessions"]
    assert platform.requests[-1] == ("GET", "/sessions/v1/thing", "Bearer mine")


def test_without_a_token_no_service_is_asked(operated, tmp_path, monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)
    with operated(by_name) as platform, pytest.raises(PlatformRefused, match=TOKEN):
        operate(ask_all, tmp_path, platform.url)
    assert platform.requests == []


@pytest.mark.parametrize("state", ["stopping", "stopped"])
def test_a_folder_where_nothing_runs_is_refused_with_both_ways_out(operated, tmp_path, state):
    with pytest.raises(PlatformRefused, match=r"--data.*--url"):
        operate(ask_all, tmp_path / "nothing", None)
    with operated(by_name) as platform, pytest.raises(PlatformRefused, match="no platform runs"):
        operate(ask_all, platform.describe(tmp_path / "data", "matching", state=state), None)


@pytest.mark.parametrize(("status", "said"), [(401, "run out"), (404, "role of an operator"), (409, "It is so")])
def test_an_operator_who_is_turned_away_is_told_why(operated, tmp_path, monkeypatch, status, said):
    monkeypatch.setenv(TOKEN, "mine")
    with operated(no(status)) as platform, pytest.raises(PlatformRefused, match=said):
        operate(ask_all, tmp_path, f"{platform.url}/matching")


def test_what_is_no_service_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(TOKEN, "mine")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(PlatformRefused, match=f"no service of Viceversa answers at {url}"):
        operate(ask_all, tmp_path, url)


def test_a_connection_narrows_to_one_service_that_there_is(operated, tmp_path):
    async def narrow(connection):
        assert connection.only("matching") == ("matching",)
        return connection.only("portal")

    with operated(by_name) as platform, pytest.raises(PlatformRefused, match="no service 'portal'"):
        operate(narrow, platform.describe(tmp_path / "data", "matching"), None)
