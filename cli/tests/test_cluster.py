"""PostgreSQL's cluster, without the rest of the platform."""

import os
import stat
import subprocess
from contextlib import asynccontextmanager

import pytest

from viceversa.platform.account import account_for_postgres, open_the_way, open_to_read
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


def test_others_may_pass_to_a_folder_that_was_closed_to_them_and_may_not_list_it(folder):
    closed = folder / "closed"
    (closed / "postgres").mkdir(parents=True)
    closed.chmod(0o700)
    assert closed in open_the_way(closed / "postgres")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
    assert closed not in open_the_way(closed / "postgres")


def test_others_may_read_and_run_what_the_owner_may_and_write_nothing(folder):
    folder.mkdir(parents=True)
    for name, mode in (("program", 0o700), ("text", 0o600)):
        (folder / name).touch()
        (folder / name).chmod(mode)
    open_to_read(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"program": 0o705, "text": 0o604}
