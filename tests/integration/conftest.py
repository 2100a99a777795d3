"""Integration tests: the services as processes of their own, on real servers where there are any.

The first and the last line of a run say which servers those are. REQUIRE_BROKER=kafka refuses to go on without a real
Kafka; INTEGRATION_SERVERS=containers, jars or "local broker" takes no other.
"""

import os
from collections.abc import Iterator

import pytest

from integration.servers import Choice, Kind, Servers, choose, running

_CHOICE = pytest.StashKey[Choice]()


def pytest_configure(config: pytest.Config) -> None:
    if "INTEGRATION_CHOICE" in os.environ:
        kind, _, reason = os.environ["INTEGRATION_CHOICE"].partition("|")
        config.stash[_CHOICE] = Choice(Kind(kind), reason)
        return
    choice = config.stash[_CHOICE] = choose()
    if choice.kind is Kind.LOCAL and os.environ.get("REQUIRE_BROKER") == "kafka":
        raise pytest.UsageError(f"REQUIRE_BROKER=kafka, but there is none: {choice.reason}")
    # Workers of pytest-xdist take what the controller chose.
    os.environ["INTEGRATION_CHOICE"] = f"{choice.kind}|{choice.reason}"


@pytest.hookimpl(tryfirst=True)
def pytest_report_header(config: pytest.Config) -> str:
    return config.stash[_CHOICE].line


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        terminal.write_line(config.stash[_CHOICE].line)
        os.environ.pop("INTEGRATION_CHOICE", None)


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """Kafka, PostgreSQL and Redis of this worker alone: topics have fixed names, so brokers keep tests apart."""
    with running(pytestconfig.stash[_CHOICE].kind) as started:
        yield started
