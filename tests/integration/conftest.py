"""Integration tests: the services as processes of their own, on real servers where there are any.

The first and the last line of a run say which servers those are. REQUIRE_BROKER=kafka refuses to go on without a real
Kafka; INTEGRATION_SERVERS=containers, jars or "local broker" takes no other.
"""

import base64
import importlib
import os
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from events.runtime.service import ServiceDefinition
from events.testing.service import settings_for
from integration.processes import Platform, running_platform
from integration.scenario import Program, open_program
from integration.servers import Choice, Kind, Servers, choose, running
from viceversa.client import Platform as Apis

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
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ServiceDefinition]:
    """The services as their `main.py` wires them."""
    folder = tmp_path_factory.mktemp("keys")
    secret = folder / "secret"
    secret.write_text(base64.b64encode(os.urandom(32)).decode())
    more = {
        "token_signing_key_file": folder / "signing.jwk",
        "identity_provider_issuer": "http://issuer.test",
        "identity_provider_jwks_url": "http://issuer.test/jwks",
        "blind_index_key_file": secret,
        "transport_key_file": secret,
    }
    wired = {}
    for service in ("enrollment", "matching", "sessions", "feedback"):
        settings = importlib.import_module(f"{service}.settings").Settings(
            **settings_for("postgresql://nowhere", folder, **more)
        )
        wired[service] = importlib.import_module(f"{service}.main").definition(settings)
    return wired


@pytest.fixture(scope="session")
def kind(pytestconfig: pytest.Config) -> Kind:
    """Which servers this run has chosen."""
    return pytestconfig.stash[_CHOICE].kind


@pytest.fixture(scope="session")
def servers(kind: Kind) -> Iterator[Servers]:
    """Kafka, PostgreSQL and Redis of this worker alone: topics have fixed names, so brokers keep tests apart."""
    with running(kind) as started:
        yield started


@pytest.fixture(scope="session")
def platform_of_worker(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """All four services on this worker's servers, for every test that needs them."""
    with running_platform(servers, tmp_path_factory.mktemp("platform") / "data") as started:
        yield started


@pytest.fixture
def platform(platform_of_worker: Platform) -> Iterator[Platform]:
    """The running services; whatever a test stopped or killed runs again for the next."""
    yield platform_of_worker
    platform_of_worker.mend()


@pytest.fixture
async def apis(platform: Platform) -> AsyncIterator[Apis]:
    """The platform's public HTTP APIs."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(limits=limits, timeout=30, trust_env=False) as http:
        yield Apis(platform.urls, platform.identity_provider, http)


@pytest.fixture
async def program(apis: Apis) -> Program:
    """An open program of this test alone."""
    return await open_program(apis)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker takes all tests of the platform: they share its processes, and sometimes kill them.

    First, because pytest-xdist reads the groups in this hook too.
    """
    for item in items:
        if "platform_of_worker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("platform"))
