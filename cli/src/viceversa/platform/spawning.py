"""Two ways to start a process: a new program, or a Python module in a fork of the nursery."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Protocol, Self

from viceversa.platform.account import Account
from viceversa.platform.leftovers import kill_group

# -P: a file of the folder where the command was typed must not stand in for a package.
PYTHON = (sys.executable, "-P", "-m")
# What the services and the identity provider import sooner or later, and takes long.
_SHARED = (
    "events.membership",
    "events.runtime.service",
    "alembic.command",
    "alembic.runtime.migration",
    "pydantic_settings",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
)


class Child(Protocol):
    """A started process, as asyncio's subprocesses are."""

    @property
    def pid(self) -> int: ...  # noqa: D102 - as asyncio's
    @property
    def returncode(self) -> int | None: ...  # noqa: D102
    async def wait(self) -> int: ...  # noqa: D102
    def send_signal(self, signal: int) -> None: ...  # noqa: D102


class Spawn(Protocol):
    """Starts a command with this environment and log, in a session of its own."""

    async def __call__(  # noqa: D102
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path, account: Account | None = None
    ) -> Child: ...


async def start_program(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, account: Account | None = None
) -> Child:
    """Start a program, as another account if one is given."""
    with log.open("ab") as file:
        # A session of its own: Ctrl-C in the terminal is for the supervisor, who stops everything in order.
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
            cwd="/" if account else None,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


class Nursery:
    """Forks what is started as `python -P -m module`; everything else, and all of it when the nursery is gone, is run.

    Only on Linux: on macOS, libraries of the system do not survive a fork without an exec.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._requests = count()
        self._awaited: dict[int, asyncio.Future[Child]] = {}
        self._children: dict[int, _Forked] = {}

    async def open(self, commands: Collection[Sequence[str]], log: Path) -> Self:
        """Start it if it can start several of the commands that will come.

        It takes orders at once and carries them out when it has imported everything.
        """
        if sys.platform != "linux" or sum(_module(command) is not None for command in commands) <= 1:
            return self
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as file:
            self._process = await asyncio.create_subprocess_exec(
                *PYTHON,
                "viceversa.platform.nursery",
                f"--control={theirs.fileno()}",
                "--shared",
                *_SHARED,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._listener = asyncio.create_task(self._listen(reader))
        return self

    def give_up(self) -> None:
        """Do not wait until it has imported everything, when nothing has been started yet."""
        if self._process is not None and self._awaited and not self._children:
            self._process.kill()

    async def close(self) -> None:
        """End it; its children have been stopped before."""
        if self._writer is not None and self._process is not None and self._listener is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            await self._process.wait()
            await self._listener

    async def start(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path, account: Account | None = None
    ) -> Child:
        """Start a command in the quickest way there is."""
        module = _module(command)
        if self._writer is None or self._writer.is_closing() or module is None or account is not None:
            return await start_program(command, environment=environment, log=log, account=account)
        request = next(self._requests)
        self._awaited[request] = asyncio.get_running_loop().create_future()
        order = {"request": request, "module": module, "environment": dict(environment), "log": str(log)}
        self._writer.write(json.dumps(order).encode() + b"\n")
        try:
            return await self._awaited[request]
        finally:
            del self._awaited[request]

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            async for line in reader:
                message = json.loads(line)
                if "request" in message:
                    child = self._children[message["pid"]] = _Forked(message["pid"])
                    if message["request"] in self._awaited:
                        self._awaited[message["request"]].set_result(child)
                else:
                    self._children.pop(message["pid"]).ended(message["code"])
        if self._writer is not None:
            self._writer.close()
        for awaited in self._awaited.values():
            awaited.set_exception(ChildProcessError("the process that starts others has ended; see nursery.log"))
        # Nobody would tell their end any more.
        for child in self._children.values():
            kill_group(child.pid)
            child.ended(-signal.SIGKILL)


def _module(command: Sequence[str]) -> str | None:
    """Which module the command starts, where it does that and no more."""
    *python, module = command
    return module if tuple(python) == PYTHON else None


class _Forked:
    """A child of the nursery."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        return self._code.result() if self._code.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._code)

    def send_signal(self, signal: int) -> None:
        if not self._code.done():
            os.kill(self.pid, signal)

    def ended(self, code: int) -> None:
        self._code.set_result(code)
