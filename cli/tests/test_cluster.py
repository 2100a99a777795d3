"""PostgreSQL's cluster, without the rest of the platform."""

import os
import subprocess
from contextlib import asynccontextmanager

import pytest

from viceversa.platform.account import account_for_postgres
from viceversa.platform.leftovers import Register
from viceversa.platform.ports import Ports
from viceversa.platform.postgres import Cluster
from viceversa.platform.process import Process, Program
from viceversa.platform.refusal import PlatformRefused


@pytest.fixture
def cluster(folder):
    folder.mkdir(parents=True)
    return Cluster(
        folder / "postgres",
        port=Ports().choose(None),
        password="secret",
        account=account_for_postgres(),
        services=("enrollment",),
    )


@asynccontextmanager
async def running(cluster, folder):
    async def ready(_):
        return await cluster.ready()

    program = Program(
        name="postgres",
        stage=0,
        command=cluster.command,
        ready=ready,
        address=str,
        account=account_for_postgres(),
    )
    process = Process(program, log=folder / "log", register=Register(folder / "processes.json"), changed=lambda _: None)
    try:
        await process.run_until_ready()
        yield process
    finally:
        await process.stop()


async def test_a_start_that_was_killed_while_it_made_the_cluster_is_made_again(cluster, folder):
    unfinished = folder / "postgres.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    await cluster.prepare()
    async with running(cluster, folder):
        assert await cluster.ready()
    assert not unfinished.exists()


@pytest.fixture
def stranger():
    """Of the same user: PostgreSQL would take it for another server."""
    account = account_for_postgres()
    with subprocess.Popen(["sleep", "600"], user=account.uid if account else None) as process:
        yield process
        process.kill()


async def test_a_pid_file_that_names_a_stranger_by_now_keeps_nobody_from_starting(cluster, folder, stranger):
    await cluster.prepare()
    account = account_for_postgres()
    pid_file = folder / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{stranger.pid}\n{folder / 'postgres'}\n1\n5432\n\n127.0.0.1\n")
    if account:
        os.chown(pid_file, account.uid, account.gid)
    await cluster.prepare()
    async with running(cluster, folder):
        assert await cluster.ready()
    assert stranger.poll() is None


async def test_a_cluster_of_another_version_is_refused_with_what_to_do(cluster, folder):
    await cluster.prepare()
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(PlatformRefused, match="was made by PostgreSQL 16, this is 18"):
        await cluster.prepare()
