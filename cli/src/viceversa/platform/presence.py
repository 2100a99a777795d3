"""Whether a platform runs in a folder, from outside of it, and how to end it."""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from viceversa.platform.description import Description, read_description
from viceversa.platform.folder import CLEARING, SUPERVISOR, DataFolder, FolderLock
from viceversa.platform.leftovers import Entry, Identity, named, read_register, stop_leftovers
from viceversa.platform.refusal import PlatformRefused

_LONGEST_STOP = 60.0
_BETWEEN_TRIES = 0.05


@dataclass(frozen=True, slots=True)
class Presence:
    """What a folder says, and what of it is true."""

    description: Description | None
    supervisor: int | None
    alive: tuple[Entry, ...]
    ready: frozenset[str]

    @property
    def complete(self) -> bool:
        """Whether every service is ready."""
        return self.description is not None and self.ready == self.description.services.keys()


async def presence(data: Path) -> Presence:
    """Look at the folder, at the processes it names, and ask the services whether they are ready."""
    folder = DataFolder(data)
    description = read_description(folder.description)
    supervisor = FolderLock(folder.lock).holder(SUPERVISOR)
    alive = tuple(entry for entry in read_register(folder.register) if entry.identity.alive())
    ready: list[str] = []
    if description is not None and alive:
        async with httpx.AsyncClient(trust_env=False, timeout=3.0) as http:
            answers = await asyncio.gather(
                *(http.get(f"{running.url}/readyz") for running in description.services.values()),
                return_exceptions=True,
            )
        ready = [
            name
            for name, answer in zip(description.services, answers, strict=True)
            if isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.OK
        ]
    return Presence(description, supervisor.pid if supervisor else None, alive, frozenset(ready))


def stop_platform(data: Path) -> str:
    """Stop what runs in the folder; returns what was done in words.

    Raises:
        PlatformRefused: something still runs; the message names it and says how to end it.
    """
    folder = DataFolder(data)
    if not folder.lock.exists():
        return f"there is no platform in {folder.root}"
    lock = FolderLock(folder.lock)
    give_up = time.monotonic() + _LONGEST_STOP
    asked: Identity | None = None
    while not lock.take(CLEARING):
        supervisor = lock.holder(SUPERVISOR)
        if supervisor is not None and supervisor != asked:
            supervisor.send(signal.SIGTERM)
            asked = supervisor
        if time.monotonic() > give_up:
            raise PlatformRefused(_what_still_runs(folder, supervisor, lock.holder(CLEARING)))
        time.sleep(_BETWEEN_TRIES)
    try:
        stopped = stop_leftovers(folder.register)
    finally:
        lock.free()
    if asked is not None:
        if not asked.gone_within(max(give_up - time.monotonic(), _BETWEEN_TRIES)):
            raise PlatformRefused(_what_still_runs(folder, asked, None))
        return f"stopped the platform in {folder.root}"
    if stopped:
        return f"stopped {', '.join(stopped)}, which a killed platform had left running in {folder.root}"
    return f"no platform runs in {folder.root}"


def _what_still_runs(folder: DataFolder, supervisor: Identity | None, clearing: Identity | None) -> str:
    first = [f"its supervisor (process {supervisor.pid})"] if supervisor else []
    first += [f"the process that stops what a killed one left (process {clearing.pid})"] if clearing else []
    alive = [entry for entry in read_register(folder.register) if entry.identity.alive()]
    holder = supervisor or clearing
    force = f"; or end it by force with `kill -9 {holder.pid}`, then `viceversa down` stops the rest" if holder else ""
    return (
        f"the platform in {folder.root} has not stopped within {_LONGEST_STOP:g} s. Still running: "
        f"{', '.join([*first, *([named(alive)] if alive else [])]) or 'whoever holds its lock'}. "
        f"Call `viceversa down` again to wait for longer{force}. No data is lost either way"
    )
