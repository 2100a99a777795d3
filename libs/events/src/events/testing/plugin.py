"""Fixtures for every service's tests; pytest loads them by the entry point `viceversa-events`."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from events.testing.histories import NIGHTLY
from events.testing.postgres import embedded_server, fresh_database

# How long one example takes says more about the machine than about the code.
settings.register_profile("viceversa", deadline=None)
settings.register_profile(NIGHTLY, deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "viceversa"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a PostgreSQL superuser: TEST_POSTGRES_URL where it is set, else of an embedded server.

    Each worker of pytest-xdist gets a server of its own: an append that one test holds open keeps every reader of
    the same cluster waiting.
    """
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with embedded_server() as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """URL of an empty database that this test alone uses."""
    with fresh_database(postgres_url) as url:
        yield url
