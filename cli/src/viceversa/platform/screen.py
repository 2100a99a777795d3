"""What a person sees while the platform runs: a live table in a terminal, one line a change elsewhere."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live
from rich.table import Table
from rich.text import Text

from viceversa.platform.presence import Presence
from viceversa.platform.process import Process, State

_STYLES = {
    State.READY: "green",
    State.STARTING: "yellow",
    State.NOT_READY: "yellow",
    State.PAUSING: "red",
    State.STOPPING: "dim",
    State.STOPPED: "dim",
    State.WAITING: "dim",
}

_WIDTH_OF_A_FILE = 132


def table_of(processes: Sequence[Process]) -> Table:
    """One row a process."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("process", "state", "address"):
        table.add_column(heading, no_wrap=True)
    table.add_column("pid", justify="right", no_wrap=True)
    table.add_column("restarts", overflow="fold")
    for process in processes:
        table.add_row(
            process.name,
            Text(process.state, style=_STYLES[process.state]),
            process.program.address(),
            str(process.pid or ""),
            f"{process.restarts or ''} {process.remark}".strip(),
        )
    return table


class SteadyConsole(Console):
    """Falls silent when nobody reads its output any more, instead of ending the process that writes.

    A file or a pipe has no width; lines for it are long, so that no word of a table is cut. COLUMNS says otherwise.
    """

    def __init__(self, *, highlight: bool = True) -> None:
        super().__init__(highlight=highlight)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _WIDTH_OF_A_FILE

    def on_broken_pipe(self) -> None:
        """Let later output, and what is buffered still, go nowhere."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


class Screen:
    """Shows the processes until the block is left."""

    def __init__(self, console: SteadyConsole, processes: Callable[[], Sequence[Process]]) -> None:
        self._console = console
        self._processes = processes
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                console=self._console,
                # A terminal echoes ^C at the cursor; at the end of a full line that would begin another.
                get_renderable=lambda: Constrain(table_of(self._processes()), self._console.width - len("^C") - 1),
                refresh_per_second=4,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            with contextlib.suppress(OSError):
                self._live.stop()

    def changed(self, process: Process) -> None:
        """A process has another state."""
        if self._live is not None:
            return
        parts = [process.name, process.state, process.program.address(), process.remark]
        if process.pid is not None:
            parts.append(f"pid {process.pid}")
        self.remark("  ".join(part for part in parts if part))

    def remark(self, text: str) -> None:
        """Something that a person should know."""
        try:
            self._console.print(Text(text), soft_wrap=True)
        except OSError:
            # The terminal was closed.
            self._console.on_broken_pipe()


def _host_and_port(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def show_presence(found: Presence, data: Path, console: Console) -> None:
    """What `viceversa status` prints."""
    if found.description is None or not found.alive:
        console.print(Text(f"no platform runs in {data}"), soft_wrap=True)
        return
    if found.supervisor is None:
        console.print(Text("its supervisor is gone; `viceversa down` stops what is left"), soft_wrap=True)
    addresses = {name: running.url for name, running in found.description.services.items()}
    addresses |= {
        "postgres": _host_and_port(next(iter(found.description.databases.values()), "")),
        "redis": _host_and_port(found.description.redis),
        "identity-provider": found.description.identity_provider,
        "broker": found.description.kafka or "",
    }
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("process", "state", "address", "pid"):
        table.add_column(heading, justify="right" if heading == "pid" else "left", overflow="fold")
    for entry in found.alive:
        service = entry.name in found.description.services
        state = "running" if not service else State.READY if entry.name in found.ready else State.NOT_READY
        table.add_row(entry.name, state, addresses.get(entry.name, ""), str(entry.identity.pid))
    for name in found.description.services.keys() - {entry.name for entry in found.alive}:
        table.add_row(name, "not running", addresses[name], "")
    console.print(table)
    if found.description.broker == "kafka":
        console.print(Text(f"Kafka at {found.description.kafka}"), soft_wrap=True)
