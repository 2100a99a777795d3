"""`viceversa dead-letters`, against services that a test plays."""

from uuid import UUID

import pytest
from typer.testing import CliRunner

from viceversa.main import app
from viceversa.operations.connection import TOKEN


class Post:
    """Two services with dead letters; `broken` events go on failing."""

    def __init__(self):
        self.letters = {"enrollment": [], "matching": [], "sessions": []}
        self.broken = set()
        self.settled = []

    def put(self, service, number, *, consumer="reactor", at=1, kind="viceversa.PairCreated.v1", **more):
        item = {
            "consumer": consumer,
            "event": str(UUID(int=number)),
            "key": str(UUID(int=99)),
            "type": kind,
            "reason": "TooMuch: too much",
            "tries": 1,
            "failed_at": "2026-01-01T10:00:00Z",
            "position": at,
            "waiting_behind": 3,
            "payload": None,
        }
        self.letters[service].append(item | more)
        return f"{service}/{consumer}/{UUID(int=number)}"

    def __call__(self, service, method, path, query):
        letters = self.letters[service]
        if path == "/v1/dead-letters":
            start = int(query.get("cursor", ["0"])[0])
            return 200, {
                "items": letters[start : start + 2],
                "next": str(start + 2) if start + 2 < len(letters) else None,
            }
        assert method == "POST"
        _, _, _, consumer, event, action = path.split("/")
        found = [item for item in letters if (item["consumer"], item["event"]) == (consumer, event)]
        if not found:
            return 404, {"title": "There is no such dead letter"}
        if UUID(event).int in self.broken and action == "retry":
            return 409, {"title": "It cannot be applied yet", "detail": "TooMuch: still"}
        letters.remove(found[0])
        self.settled.append((action, service, UUID(event).int))
        return 200, {"outcome": {"retry": "applied", "discard": "discarded"}[action]}


@pytest.fixture
def post(operated, tmp_path):
    post = Post()
    with operated(post) as platform:
        platform.describe(tmp_path / "data", *post.letters)
        post.url = platform.url
        yield post


@pytest.fixture
def dead_letters(tmp_path):
    def run(*arguments, answer=None):
        words = ["dead-letters", *arguments, *(() if "--url" in arguments else ("--data", str(tmp_path / "data")))]
        return CliRunner().invoke(app, words, input=answer, env={"COLUMNS": "160"})

    return run


def test_a_list_names_each_as_retry_takes_it_with_why_and_what_waits(post, dead_letters):
    names = [post.put("matching", number) for number in (1, 2, 3)] + [post.put("sessions", 4, consumer="members")]
    result = dead_letters("list")
    assert result.exit_code == 0
    assert all(name in result.output for name in names)
    assert "viceversa.PairCreated.v1" in result.output
    assert "TooMuch: too much" in result.output


def test_a_name_is_whole_on_a_narrow_screen_too(post, tmp_path):
    name = post.put("matching", 1)
    arguments = ["dead-letters", "list", "--data", str(tmp_path / "data")]
    assert name in CliRunner().invoke(app, arguments, env={"COLUMNS": "80"}).output


def test_a_list_narrows_by_service_consumer_and_type(post, dead_letters):
    post.put("matching", 1)
    post.put("matching", 2, consumer="members")
    post.put("matching", 3, kind="viceversa.PairEnded.v1")
    wanted = post.put("sessions", 4)
    narrow = dead_letters(
        "list", "--service", "sessions", "--consumer", "reactor", "--type", "viceversa.PairCreated.v1"
    ).output
    assert [wanted in narrow, str(UUID(int=1)) in narrow] == [True, False]
    assert str(UUID(int=2)) in dead_letters("list", "--consumer", "members").output
    only_ended = dead_letters("list", "--type", "viceversa.PairEnded.v1").output
    assert [str(UUID(int=n)) in only_ended for n in (1, 2, 3, 4)] == [False, False, True, False]


def test_a_payload_is_shown_only_when_asked_for_and_only_where_the_service_shows_it(post, dead_letters):
    post.put("matching", 1, payload={"pair": "7"})
    post.put("sessions", 2)
    assert '{"pair": "7"}' not in dead_letters("list").output
    shown = dead_letters("list", "--payload").output
    assert '{"pair": "7"}' in shown
    assert "not for everybody" in shown


def test_where_there_are_none_every_command_says_so_and_succeeds(post, dead_letters):
    for words in (["list"], ["retry", "--all"], ["discard", "--all"], ["discard", "--all", "--yes"]):
        result = dead_letters(*words)
        assert (result.exit_code, "there are no" in result.output) == (0, True), words


def test_named_ones_are_tried_again_in_the_order_of_their_names(post, dead_letters):
    first, second = post.put("matching", 2), post.put("matching", 1)
    result = dead_letters("retry", first, second)
    assert (result.exit_code, post.settled) == (0, [("retry", "matching", 2), ("retry", "matching", 1)])
    assert f"{first}: applied" in result.output


def test_all_are_tried_again_from_the_oldest_on_and_one_that_fails_stops_nobody(post, dead_letters):
    post.put("matching", 1, at=5)
    broken = post.put("matching", 2, at=4)
    post.put("matching", 3, at=3)
    post.broken = {2}
    result = dead_letters("retry", "--all")
    assert result.exit_code == 1
    assert [event for _, _, event in post.settled] == [3, 1]
    assert f"{broken}: TooMuch: still" in result.output
    assert "2 done, 1 not" in result.output


def test_one_that_was_settled_meanwhile_is_told_and_fails(post, dead_letters):
    result = dead_letters("retry", f"matching/reactor/{UUID(int=5)}")
    assert result.exit_code == 1
    assert "There is no such dead letter" in result.output


def test_giving_up_asks_first_and_a_no_changes_nothing(post, dead_letters):
    name = post.put("matching", 1)
    refused = dead_letters("discard", name, answer="n\n")
    assert (refused.exit_code, post.settled) == (1, [])
    assert name in refused.output
    agreed = dead_letters("discard", "--all", answer="y\n")
    assert (agreed.exit_code, post.settled) == (0, [("discard", "matching", 1)])


def test_giving_up_does_not_ask_when_it_was_told_so(post, dead_letters):
    post.put("matching", 1)
    assert dead_letters("discard", "--all", "--type", "viceversa.PairCreated.v1", "--yes").exit_code == 0
    assert post.settled == [("discard", "matching", 1)]


@pytest.mark.parametrize(
    "words",
    [
        ["retry"],
        ["retry", "matching/reactor"],
        ["retry", "matching/reactor/no-uuid"],
        ["retry", f"portal/reactor/{UUID(int=1)}"],
        ["retry", "--all", f"matching/reactor/{UUID(int=1)}"],
        ["discard", f"matching/reactor/{UUID(int=1)}", "--service", "matching"],
        ["list", "--service", "portal"],
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_done(post, dead_letters, words):
    post.put("matching", 1)
    result = dead_letters(*words)
    assert (result.exit_code, post.settled) == (1, [])
    assert result.output.startswith("viceversa: ")


def test_a_service_by_its_url_has_a_name_too(post, dead_letters, monkeypatch):
    monkeypatch.setenv(TOKEN, "mine")
    name = post.put("sessions", 1)
    assert dead_letters("retry", name, "--url", f"{post.url}/sessions").exit_code == 0
    assert post.settled == [("retry", "sessions", 1)]
