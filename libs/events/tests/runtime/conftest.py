from collections.abc import AsyncIterator

import pytest

from events.testing.counters import Database, open_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url) as database:
        yield database
