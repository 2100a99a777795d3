"""`viceversa projections`: how far each is, made again beside its live tables, or verified row for row."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from viceversa.client import Refused
from viceversa.operations.connection import DEFAULT_DATA, Connection, Data, Url, operate
from viceversa.platform.refusal import PlatformRefused, refusals_are_told
from viceversa.platform.screen import SteadyConsole

commands = typer.Typer(
    no_args_is_help=True, help="Tables that follow events: rebuilt and verified while they are used."
)

_LOOK_EVERY_S = 0.25
_FINISHED = ("done", "failed")

_Service = Annotated[str | None, typer.Option(help="Those of one service.")]
_All = Annotated[bool, typer.Option("--all", help="All, or all of --service.")]
_Names = Annotated[list[str] | None, typer.Argument(metavar="SERVICE/PROJECTION…", help="As `list` names them.")]

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Projection:
    """One projection of one service."""

    service: str
    projection: str

    @property
    def name(self) -> str:
        """How the command line calls it."""
        return f"{self.service}/{self.projection}"

    @classmethod
    def named(cls, name: str) -> "Projection":
        """Raises PlatformRefused."""
        with suppress(ValueError):
            service, projection = name.split("/")
            return cls(service, projection)
        raise PlatformRefused(f"{name!r} names no projection; give SERVICE/PROJECTION as `list` does")


@commands.command("list")
@refusals_are_told
def show(*, data: Data = DEFAULT_DATA, url: Url = None, service: _Service = None) -> None:
    """Show what each follows, how far it is behind, and what came of the last rebuild or verification."""
    found = operate(lambda connection: _found(connection, connection.only(service)), data, url)
    SteadyConsole(highlight=False).print(_listed(found))


@commands.command()
@refusals_are_told
def rebuild(
    names: _Names = None,
    *,
    data: Data = DEFAULT_DATA,
    url: Url = None,
    service: _Service = None,
    every: _All = False,
) -> None:
    """Make them again and put them in place of the live tables; the exit code is 0 only when each was."""
    _ask("rebuild", names, data, url, service, every=every)


@commands.command()
@refusals_are_told
def verify(
    names: _Names = None,
    *,
    data: Data = DEFAULT_DATA,
    url: Url = None,
    service: _Service = None,
    every: _All = False,
) -> None:
    """Make them again aside and compare, changing nothing; the exit code is 0 only when all rows are equal."""
    _ask("verify", names, data, url, service, every=every)


def _ask(purpose: str, names: Sequence[str] | None, data: Data, url: Url, service: str | None, *, every: bool) -> None:
    if every == bool(names) or (names and service):
        raise PlatformRefused("name projections as `list` does, or say --all, with --service")

    async def work(connection: Connection) -> bool:
        chosen = [Projection.named(name) for name in dict.fromkeys(names or ())]
        known = await _found(connection, connection.only(service))
        for each in chosen:
            if each not in known:
                raise PlatformRefused(f"there is no projection {each.name}; there is {_names(known)}")
        return await _carried_out(connection, purpose, chosen or list(known))

    if not operate(work, data, url):
        raise typer.Exit(1)


async def _found(connection: Connection, services: Sequence[str]) -> dict[Projection, Item]:
    return {
        Projection(service, item["projection"]): item
        for service in services
        for item in (await connection.operator.get(service, "/v1/projections")).body["items"]
    }


async def _carried_out(connection: Connection, purpose: str, chosen: Sequence[Projection]) -> bool:
    """Ask for each, show how far they are, and say what came of them; whether all is well."""
    asked = []
    for each in chosen:
        path = f"/v1/projections/{quote(each.projection)}/{purpose}"
        try:
            await connection.operator.post(each.service, path)
        except Refused as refused:
            if refused.status != httpx.codes.CONFLICT:
                raise
            typer.echo(f"{each.name}: {refused.problem.get('title', 'refused')}", err=True)
        else:
            asked.append(each)
    runs = await _followed(connection, asked)
    for each, run in runs.items():
        _tell(each, run)
    return len(asked) == len(chosen) and all(
        run["phase"] == "done" and run["equal"] is not False for run in runs.values()
    )


async def _followed(connection: Connection, asked: Sequence[Projection]) -> dict[Projection, Item]:
    """Show their progress until all are finished. Interrupted, they go on without being watched."""
    services = list(dict.fromkeys(each.service for each in asked))
    console = SteadyConsole(highlight=False)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while True:
            found = await _found(connection, services)
            runs = {each: found[each]["last_run"] for each in asked}
            if console.is_terminal:
                live.update(_progress(runs), refresh=True)
            if all(run["phase"] in _FINISHED for run in runs.values()):
                return runs
            await asyncio.sleep(_LOOK_EVERY_S)


def _tell(each: Projection, run: Item) -> None:
    events = f"{run['events_done']:,} events, {run['events_per_second']:,} a second"
    if run["phase"] == "failed":
        typer.echo(f"{each.name}: failed, the tables are as they were: {run['failure']}", err=True)
    elif run["equal"] is None:
        typer.echo(f"{each.name}: rebuilt from {events}")
    elif run["equal"]:
        typer.echo(f"{each.name}: equal, row for row, to what {events}, make")
    for table in run["differences"] or ():
        typer.echo(
            f"{each.name}: table {table['table']}: of {table['rows']:,} rows {table['only_live']:,} should not be, "
            f"{table['only_rebuilt']:,} are missing (a changed one counts twice): {json.dumps(table['keys'])}",
            err=True,
        )


def _names(known: Mapping[Projection, Item]) -> str:
    return ", ".join(each.name for each in known)


def _listed(found: Mapping[Projection, Item]) -> Table:
    table = _table("projection", "made from", "tables", "behind", "last run")
    for each, item in found.items():
        run = item["last_run"]
        table.add_row(
            each.name,
            item["source"],
            ", ".join(item["tables"]),
            f"{item['events_behind']:,}",
            _said(run) if run else "",
        )
    return table


def _progress(runs: Mapping[Projection, Item]) -> Table:
    table = _table("projection", "phase", "", "events", "a second")
    for each, run in runs.items():
        done, total = run["events_done"], run["events_total"]
        bar = ProgressBar(total=max(total, 1), completed=done, width=30)
        table.add_row(each.name, run["phase"], bar, f"{done:,} of {total:,}", f"{run['events_per_second']:,}")
    return table


def _said(run: Item) -> str:
    """A run in a word or two."""
    if run["phase"] != "done":
        return f"{run['purpose']}: {run['phase']}"
    if run["equal"] is None:
        return "rebuilt"
    return "verified: equal" if run["equal"] else "verified: differs"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        # What `rebuild` takes is never broken.
        table.add_column(heading, no_wrap=place == 0, overflow="fold")
    return table
