"""Whether a platform runs in a folder, from outside of it, and how to end it."""

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import httpx

from viceversa.platform.description import Description, read_description
from viceversa.platform.folder import CLEARING, SUPERVISOR, DataFolder, FolderLock
from viceversa.platform.leftovers import Entry, read_register, stop_leftovers
from viceversa.platform.refusal import PlatformRefused

_LONGEST_STOP = 60.0


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
        PlatformRefused: its supervisor does not end.
    """
    folder = DataFolder(data)
    if not folder.lock.exists():
        return f"there is no platform in {folder.root}"
    lock = FolderLock(folder.lock)
    supervisor = lock.holder(SUPERVISOR)
    if supervisor is not None:
        supervisor.send(signal.SIGTERM)
        if not supervisor.gone_within(_LONGEST_STOP):
            raise PlatformRefused(
                f"the platform's supervisor (process {supervisor.pid}) does not end; after `kill -9 {supervisor.pid}` "
                "its processes are stopped within seconds, and no data is lost"
            )
        return f"stopped the platform in {folder.root}"
    if not lock.take(CLEARING):
        return f"the platform in {folder.root} is being stopped already"
    stopped = stop_leftovers(folder.register)
    lock.free()
    if stopped:
        return f"stopped {', '.join(stopped)}, which a killed platform had left running in {folder.root}"
    return f"no platform runs in {folder.root}"
