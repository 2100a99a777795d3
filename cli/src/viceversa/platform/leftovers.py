"""Recognising processes that an earlier supervisor started and could not stop, and stopping those and no others.

A pid alone says nothing: the kernel gives it to the next process. A process is recognised by its pid, the time it was
started and its arguments together.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # ships no types

from viceversa.platform.refusal import PlatformRefused

# Start times are counted from the machine's boot, which the kernel reports in whole seconds.
_CLOCK_TOLERANCE = 2.0
_GRACE = 15.0
_BETWEEN_LOOKS = 0.02
_LONGEST_WITHOUT_COMMAND = 0.5


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, not to be confused with a later one of the same pid."""

    pid: int
    started: float
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """The process that has this pid now."""
        give_up = time.monotonic() + _LONGEST_WITHOUT_COMMAND
        try:
            process = psutil.Process(pid)
            # It has no command for a moment while it begins, and again while it ends.
            while not (command := process.cmdline()) and time.monotonic() < give_up:
                time.sleep(_BETWEEN_LOOKS / 10)
            return cls(pid, process.create_time(), tuple(command[1:]))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Identity":
        """Read what `as_json` wrote."""
        return cls(int(document["pid"]), float(document["started"]), tuple(document["arguments"]))

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    def alive(self) -> bool:
        """Whether that very process still runs."""
        return self._process() is not None

    def send(self, number: signal.Signals) -> None:
        """Signal that very process, if it still runs."""
        process = self._process()
        if process is not None:
            # One of another user's is left to those who wait for its end, and say that it does not.
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                process.send_signal(number)

    def gone_within(self, seconds: float) -> bool:
        """Wait for its end."""
        # Asked again and again: it is nobody's child here, and a dead process stays listed until its parent looks.
        give_up = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > give_up:
                return False
            time.sleep(_BETWEEN_LOOKS)
        return True

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.pid)
            command = process.cmdline()
            same = (
                abs(process.create_time() - self.started) <= _CLOCK_TOLERANCE
                and process.status() != psutil.STATUS_ZOMBIE
                and (not command or tuple(command[1:]) == self.arguments)
            )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        return process if same else None


@dataclass(frozen=True, slots=True)
class Entry:
    """A process of the platform, and how it is stopped: higher stages first, by its own signal."""

    name: str
    identity: Identity
    stage: int
    stop_signal: signal.Signals


class Register:
    """The list of running processes, kept on disk so that it survives the supervisor."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        """Write down a process that was just started."""
        self._entries[entry.name] = entry
        self._write()

    def remove(self, name: str) -> None:
        """Forget a process that has ended."""
        if self._entries.pop(name, None) is not None:
            self._write()

    def _write(self) -> None:
        _write_register(self._path, list(self._entries.values()))


def _write_register(path: Path, entries: Sequence[Entry]) -> None:
    document = [
        {"name": e.name, "stage": e.stage, "stop_signal": e.stop_signal.name, **e.identity.as_json()} for e in entries
    ]
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(document, indent=1), encoding="utf-8")
    beside.replace(path)


def read_register(path: Path) -> list[Entry]:
    """What was written down last; empty when there is none."""
    if not path.exists():
        return []
    return [
        Entry(e["name"], Identity.from_json(e), int(e["stage"]), signal.Signals[e["stop_signal"]])
        for e in json.loads(path.read_text(encoding="utf-8"))
    ]


def named(entries: Sequence[Entry]) -> str:
    """For people: the processes by name and pid."""
    return ", ".join(f"{entry.name} (process {entry.identity.pid})" for entry in entries)


def stop_leftovers(path: Path) -> list[str]:
    """Stop every registered process that still runs, in order; returns their names. The folder's lock must be held.

    Raises:
        PlatformRefused: some cannot be stopped; they stay registered.
    """
    entries = read_register(path)
    stopped: list[str] = []
    left: list[Entry] = []
    for stage in sorted({entry.stage for entry in entries}, reverse=True):
        running = [entry for entry in entries if entry.stage == stage and entry.identity.alive()]
        outlasting = stop(running)
        stopped += [entry.name for entry in running if entry not in outlasting]
        left += outlasting
    if left:
        _write_register(path, left)
        pids = " ".join(str(entry.identity.pid) for entry in left)
        raise PlatformRefused(
            f"still running, even after SIGKILL: {named(left)}. Another user's processes end after `kill -9 {pids}` by "
            "that user or root, and one that waits for a disk ends when that answers; then call `viceversa down` again"
        )
    path.unlink(missing_ok=True)
    return stopped


def stop(entries: Sequence[Entry]) -> list[Entry]:
    """Ask all of them to end, wait for all together, and kill those who do not; returns those who go on even then."""
    for entry in entries:
        entry.identity.send(entry.stop_signal)
    slow = _outlasting(_GRACE, entries)
    for entry in slow:
        entry.identity.send(signal.SIGKILL)
    return _outlasting(_GRACE, slow)


def _outlasting(seconds: float, entries: Sequence[Entry]) -> list[Entry]:
    """Wait for the end of all of them; returns those who go on."""
    give_up = time.monotonic() + seconds
    waited_for = list(entries)
    while True:
        running = [entry for entry in waited_for if entry.identity.alive()]
        for entry in waited_for:
            if entry not in running:
                kill_left_behind(entry.identity.pid)
        if not running or time.monotonic() > give_up:
            return running
        waited_for = running
        time.sleep(_BETWEEN_LOOKS)


def kill_left_behind(leader: int) -> None:
    """Kill what a process has left behind that had a session of its own and has ended."""
    # Its pid is given to no other process while its group has members: if a process has it now, they are all gone.
    if Identity.of(leader) is None:
        kill_group(leader)


def kill_group(leader: int) -> None:
    """Kill a process that has a session of its own, with everything that it has started there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
