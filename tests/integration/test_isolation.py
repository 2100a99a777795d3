"""What one service keeps no other can reach."""

from itertools import permutations

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from integration.processes import Platform
from viceversa.platform.services import SERVICES


@pytest.mark.parametrize(("role", "database"), [*permutations(SERVICES, 2), *((role, "postgres") for role in SERVICES)])
async def test_a_services_role_cannot_read_anothers_database(platform: Platform, role: str, database: str):
    url = make_url(platform.databases[role]).set(database=database).render_as_string(hide_password=False)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(url)


@pytest.mark.parametrize("role", SERVICES)
async def test_a_services_role_reads_its_own_database_and_is_no_superuser(platform: Platform, role: str):
    connection = await asyncpg.connect(platform.databases[role])
    try:
        assert await connection.fetchval("select count(*) from events") >= 0
        assert not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
    finally:
        await connection.close()
