"""`viceversa projections`, against services that a test plays."""

import pytest
from typer.testing import CliRunner

from viceversa.main import app
from viceversa.operations import projections as command
from viceversa.operations.connection import TOKEN

RUN = {
    "purpose": "rebuild",
    "phase": "done",
    "events_done": 1200,
    "events_total": 1200,
    "events_per_second": 30500,
    "failure": None,
    "equal": None,
    "differences": None,
}
DIFFERENCE = {"table": "members", "rows": 20, "only_live": 2, "only_rebuilt": 1, "keys": [{"participant": "7"}]}


class Services:
    """Two services; what comes of a wish is what `outcomes` says, after it was looked at twice."""

    def __init__(self):
        self.last_runs = {
            "matching": {"membership": None, "pairs": None},
            "enrollment": {"finished programs": None},
        }
        self.outcomes = {}
        self.busy = set()
        self.wishes = []
        self.looks = 0

    def __call__(self, service, method, path, _):
        known = self.last_runs[service]
        if method == "GET":
            self.looks += 1
            items = [self.item(name, run) for name, run in known.items()]
            for name, run in known.items():
                if run and run["phase"] == "waiting":
                    known[name] = run | {"phase": "filling", "events_done": 600}
                elif run and run["phase"] == "filling":
                    known[name] = RUN | {"purpose": run["purpose"]} | self.outcomes.get(name, {})
            return 200, {"items": items}
        _, _, _, name, purpose = path.replace("%20", " ").split("/")
        if name in self.busy:
            return 409, {"title": "This projection is being rebuilt or verified already"}
        self.wishes.append((service, name, purpose))
        known[name] = RUN | {"purpose": purpose, "phase": "waiting", "events_done": 0}
        return 202, {"phase": "waiting"}

    def item(self, name, run):
        return {
            "projection": name,
            "source": "inbox" if name == "membership" else "store",
            "tables": ["members", "coordinators"] if name == "membership" else [name],
            "events_behind": 1234,
            "last_run": run,
        }


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(command, "_LOOK_EVERY_S", 0.001)


@pytest.fixture
def services(operated, tmp_path):
    services = Services()
    with operated(services) as platform:
        platform.describe(tmp_path / "data", *services.last_runs)
        services.url = platform.url
        yield services


@pytest.fixture
def projections(tmp_path):
    def run(*arguments, **env):
        words = ["projections", *arguments, *(() if "--url" in arguments else ("--data", str(tmp_path / "data")))]
        return CliRunner().invoke(app, words, env={"COLUMNS": "160", TOKEN: "pass", **env})

    return run


def test_a_list_says_what_each_follows_how_far_it_is_behind_and_what_came_of_it(services, projections):
    services.last_runs["matching"]["pairs"] = RUN | {"purpose": "verify", "equal": False, "differences": [DIFFERENCE]}
    result = projections("list")
    assert result.exit_code == 0
    lines = [line.split() for line in result.output.splitlines()]
    assert ["matching/membership", "inbox", "members,", "coordinators", "1,234"] in lines
    assert ["matching/pairs", "store", "pairs", "1,234", "verified:", "differs"] in lines
    assert "enrollment" not in projections("list", "--service", "matching").output


def test_named_ones_are_rebuilt_and_followed_to_the_end(services, projections):
    result = projections("rebuild", "enrollment/finished programs", "matching/pairs")
    assert result.exit_code == 0, result.output
    assert services.wishes == [("enrollment", "finished programs", "rebuild"), ("matching", "pairs", "rebuild")]
    assert "enrollment/finished programs: rebuilt from 1,200 events, 30,500 a second" in result.output


def test_a_terminal_shows_how_far_it_is(services, projections):
    result = projections("rebuild", "matching/pairs", FORCE_COLOR="1", TERM="xterm")
    assert result.exit_code == 0, result.output
    assert "filling" in result.output
    assert "600 of 1,200" in result.output


def test_all_of_a_service_are_rebuilt(services, projections):
    assert projections("rebuild", "--all", "--service", "matching").exit_code == 0
    assert [wish[:2] for wish in services.wishes] == [("matching", "membership"), ("matching", "pairs")]


def test_one_that_fails_is_told_with_its_reason_and_the_others_go_on(services, projections):
    services.outcomes["membership"] = {"phase": "failed", "failure": "ZeroDivisionError"}
    result = projections("rebuild", "--all")
    assert result.exit_code == 1
    assert "matching/membership: failed, the tables are as they were: ZeroDivisionError" in result.output
    assert "matching/pairs: rebuilt" in result.output


def test_one_that_is_rebuilt_already_is_told(services, projections):
    services.busy.add("pairs")
    result = projections("rebuild", "matching/pairs")
    assert (result.exit_code, services.wishes) == (1, [])
    assert "matching/pairs: This projection is being rebuilt or verified already" in result.output


def test_a_verification_succeeds_only_when_all_rows_are_equal(services, projections):
    services.outcomes = {name: {"equal": True, "differences": []} for name in ("membership", "pairs")}
    equal = projections("verify", "--all", "--service", "matching")
    assert equal.exit_code == 0, equal.output
    assert "matching/pairs: equal" in equal.output
    services.outcomes["membership"] = {"equal": False, "differences": [DIFFERENCE]}
    differs = projections("verify", "matching/membership")
    assert differs.exit_code == 1
    assert "table members: of 20 rows 2 should not be, 1 are missing" in differs.output
    assert '[{"participant": "7"}]' in differs.output


def test_a_service_is_named_by_its_url_too(services, projections):
    assert projections("rebuild", "matching/pairs", "--url", f"{services.url}/matching").exit_code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rebuild"], "say --all"),
        (["rebuild", "matching/pairs", "--all"], "say --all"),
        (["rebuild", "pairs"], "names no projection"),
        (["verify", "matching/nothing"], "there is matching/membership"),
        (["list", "--service", "portal"], "there is no service"),
    ],
)
def test_what_is_not_there_or_not_clear_is_refused(services, projections, words, says):
    result = projections(*words)
    assert (result.exit_code, services.wishes) == (1, [])
    assert says in " ".join(result.output.split())
