"""The data folder: what a local platform keeps, and who may open it.

platform.json    what runs where (viceversa.platform.description)
processes.json   which processes were started (viceversa.platform.leftovers)
postgres/        the database cluster, the only thing that cannot be made again
keys/            keys and passwords, made once
logs/, spans/    one file a process
run/             what lives no longer than a start
"""

import contextlib
import fcntl
import json
import os
import tempfile
from pathlib import Path

from viceversa.platform.leftovers import Identity
from viceversa.platform.refusal import PlatformRefused

_LARGE_LOG = 20 * 1024 * 1024


class DataFolder:
    """Paths below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.description = self.root / "platform.json"
        self.register = self.root / "processes.json"
        self.lock = self.root / "lock"
        self.cluster = self.root / "postgres"
        self.keys = self.root / "keys"
        self.logs = self.root / "logs"
        self.spans = self.root / "spans"
        self.run = self.root / "run"

    def make(self) -> None:
        """Create what is missing. Only the owner may look inside; for root's PostgreSQL others may pass through.

        A folder that exists keeps its mode: who may use it was decided by whoever made it.

        Raises:
            PlatformRefused: the folder holds something else.
        """
        try:
            self.root.mkdir(parents=True)
        except FileExistsError:
            self._refuse_a_strangers()
        else:
            self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for part in self._parts:
            part.mkdir(mode=0o700, exist_ok=True)

    @property
    def _parts(self) -> tuple[Path, ...]:
        return (self.keys, self.logs, self.spans, self.run)

    def _refuse_a_strangers(self) -> None:
        found = set(self.root.iterdir())
        # platform.json may have been deleted to be made anew, and a start may have been killed before it wrote one.
        ours = self.description in found or {self.lock, self.keys} <= found or found <= {self.lock, *self._parts}
        if not ours:
            raise PlatformRefused(
                f"{self.root} holds files, and none of them is a platform's; "
                "--data takes a folder that is new, empty or a platform's already"
            )

    def log(self, name: str) -> Path:
        """Where the process of that name writes its log."""
        return self.logs / f"{name}.log"

    def set_large_logs_aside(self) -> None:
        """Begin new files where the former are large; one former file each is kept."""
        for file in (*self.logs.glob("*.log"), *self.spans.glob("*.jsonl")):
            if file.stat().st_size > _LARGE_LOG:
                file.replace(file.with_name(file.name + ".1"))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


SUPERVISOR = "supervisor"
CLEARING = "clearing"


class FolderLock:
    """Held by whoever may start and stop processes in a data folder; the kernel frees it when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, role: str) -> bool:
        """Take the lock if it is free, and write down who holds it and what for."""
        # Not inherited by children, who would go on to hold it after their supervisor's death.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        me = Identity.of(os.getpid())
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps({"role": role, **(me.as_json() if me else {})}).encode())
        self._descriptor = descriptor
        return True

    def free(self) -> None:
        """Let others take it."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self, role: str) -> Identity | None:
        """The living process that holds the lock in that role, as far as it has said so."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            said = json.loads(self._path.read_text(encoding="utf-8"))
            identity = Identity.from_json(said)
            return identity if said["role"] == role and identity.alive() else None
        return None
