"""A process that is kept running: started, watched, started again when it dies, stopped when asked."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from viceversa.platform.account import Account
from viceversa.platform.leftovers import Entry, Identity, Register, kill_left_behind
from viceversa.platform.refusal import PlatformRefused
from viceversa.platform.spawning import Child, Spawn, start_program

GRACE = 15.0
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_HEALTHY_AFTER = 30.0
_TRIES_TO_START = 3
_LOG_LINES = 15
_LOG_WIDTH = 400


class State(StrEnum):
    """Where a process is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not ready"
    PAUSING = "starts again"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. Command and environment are asked for at every start, since addresses change."""

    name: str
    stage: int
    command: Callable[[], Sequence[str]]
    ready: Callable[[int], Awaitable[bool]]
    address: Callable[[], str]
    environment: Callable[[], Mapping[str, str]] = dict
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None


class Process:
    """One program of the platform and its current process."""

    def __init__(
        self,
        program: Program,
        *,
        log: Path,
        register: Register,
        changed: Callable[["Process"], None],
        spawn: Spawn = start_program,
    ) -> None:
        self.program = program
        self.log = log
        self.state = State.WAITING
        self.pid: int | None = None
        self.restarts = 0
        self.remark = ""
        self._register = register
        self._changed = changed
        self._spawn = spawn
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stop_asked = asyncio.Event()
        self._restart_asked = False
        self._first_readiness: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    async def run_until_ready(self) -> None:
        """Start and wait until it answers.

        Raises:
            PlatformRefused: it ended again and again before it answered once.
        """
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")
        await asyncio.wait({self._keeper, self._first_readiness}, return_when=asyncio.FIRST_COMPLETED)
        if self._first_readiness.done():
            self._first_readiness.result()
        else:
            self._keeper.result()
            raise PlatformRefused(f"{self.name} was stopped before it was ready")

    def restart(self) -> None:
        """End the current process in good order; its successor starts at once, with a new environment."""
        if self._child is not None and self._child.returncode is None and not self._stop_asked.is_set():
            self._restart_asked = True
            self._signal(self.program.stop_signal)
            asyncio.get_running_loop().call_later(GRACE, _kill, self._child)

    async def stop(self) -> None:
        """End it for good: by its signal, and after a grace by force."""
        self._stop_asked.set()
        if self._keeper is None:
            return
        if self._child is not None and self._child.returncode is None:
            self._move(State.STOPPING)
            self._signal(self.program.stop_signal)
        _, unfinished = await asyncio.wait({self._keeper}, timeout=GRACE)
        if unfinished and self._child is not None:
            _kill(self._child)
        await asyncio.wait({self._keeper})
        if self._child is not None and self._child.returncode is None:
            # Its keeper failed.
            _kill(self._child)
            await self._child.wait()
        self._keeper.result()

    async def _keep(self) -> None:
        failures = 0
        while not self._stop_asked.is_set():
            began = time.monotonic()
            how_it_ended = await self._run()
            self.pid = None
            if self._stop_asked.is_set():
                break
            self.restarts += 1
            if self._restart_asked:
                self._restart_asked = False
                continue
            self.remark = how_it_ended
            failures = 1 if time.monotonic() - began > _HEALTHY_AFTER else failures + 1
            if failures == _TRIES_TO_START and not self._first_readiness.done():
                self._refuse(f"{self.name} does not start: {self.remark}. The end of {self.log}:\n{self._log_end()}")
            self._move(State.PAUSING)
            pause = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop_asked.wait(), pause)
        self.remark = ""
        self._move(State.STOPPED)

    async def _run(self) -> str:
        """From one start to the next end; returns how it ended."""
        try:
            child = await self._start()
        except OSError as error:
            return f"cannot be started: {error}"
        probe = asyncio.create_task(self._watch(child))
        code = await child.wait()
        kill_left_behind(child.pid)
        probe.cancel()
        await asyncio.wait({probe})
        with contextlib.suppress(OSError):
            # An entry that stays on a full disk is of a process that nobody will take for another.
            self._register.remove(self.name)
        return _how_it_ended(code)

    async def _start(self) -> Child:
        child = await self._spawn(
            self.program.command(),
            environment={**os.environ, **self.program.environment()},
            log=self.log,
            account=self.program.account,
        )
        identity = Identity.of(child.pid)
        try:
            if identity is not None:
                self._register.add(Entry(self.name, identity, self.program.stage, self.program.stop_signal))
        except OSError:
            # What is not written down would outlive the supervisor.
            _kill(child)
            await child.wait()
            raise
        self._child = child
        self.pid = child.pid
        self.state = State.STARTING
        self._changed(self)
        if self._stop_asked.is_set():
            self._signal(self.program.stop_signal)
        return child

    async def _watch(self, child: Child) -> None:
        while not self._stop_asked.is_set():
            ready = await self.program.ready(child.pid)
            if ready and self.state in (State.STARTING, State.NOT_READY):
                self.remark = ""
                self._move(State.READY)
                if not self._first_readiness.done():
                    self._first_readiness.set_result(None)
            elif not ready and self.state is State.READY:
                self._move(State.NOT_READY)
            await asyncio.sleep(1.0 if self.state is State.READY else 0.05)

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    def _move(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._changed(self)

    def _refuse(self, message: str) -> None:
        self._first_readiness.set_exception(PlatformRefused(message))
        # It counts as seen, should nobody wait any more.
        self._first_readiness.exception()

    def _log_end(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(_shortened(line) for line in lines[-_LOG_LINES:])


def _shortened(line: str) -> str:
    """A traceback in one line of JSON says what it is at its beginning and why at its end."""
    return line if len(line) <= _LOG_WIDTH else f"{line[: _LOG_WIDTH // 2]} … {line[-_LOG_WIDTH // 2 :]}"


def _kill(child: Child) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGKILL)


def _how_it_ended(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
