"""`viceversa dead-letters`: what the consumers of services could not apply: look, apply it after all, give it up."""

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from viceversa.client import Refused
from viceversa.operations.connection import DEFAULT_DATA, Connection, Data, Url, operate
from viceversa.platform.refusal import PlatformRefused, refusals_are_told

commands = typer.Typer(no_args_is_help=True, help="Messages that consumers could not apply.")

_SETTLED_MEANWHILE = httpx.codes.NOT_FOUND
_REFUSED = httpx.codes.CONFLICT

_Service = Annotated[str | None, typer.Option(help="Those of one service.")]
_Consumer = Annotated[str | None, typer.Option(help="Those of one consumer: reactor, membership, …")]
_Type = Annotated[str | None, typer.Option("--type", help="Those of one event type: viceversa.PairCreated.v1, …")]
_All = Annotated[bool, typer.Option("--all", help="All that the other options leave.")]
_Names = Annotated[list[str] | None, typer.Argument(metavar="SERVICE/CONSUMER/EVENT…", help="As `list` names them.")]


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter of one service."""

    service: str
    consumer: str
    event: UUID

    @property
    def name(self) -> str:
        """How the command line calls it."""
        return f"{self.service}/{self.consumer}/{self.event}"

    @property
    def path(self) -> str:
        """Where its service keeps it."""
        return f"/v1/dead-letters/{self.consumer}/{self.event}"

    @classmethod
    def named(cls, name: str) -> "Letter":
        """Raises PlatformRefused."""
        with suppress(ValueError):
            service, consumer, event = name.split("/")
            return cls(service, consumer, UUID(event))
        raise PlatformRefused(f"{name!r} names no dead letter; give SERVICE/CONSUMER/EVENT as `list` does")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters are meant: these, or all that pass."""

    names: Sequence[str] = ()
    service: str | None = None
    consumer: str | None = None
    type: str | None = None

    @classmethod
    def given(
        cls, names: Sequence[str] | None, service: str | None, consumer: str | None, kind: str | None, *, every: bool
    ) -> "Choice":
        """What the command line says. Raises PlatformRefused where it says both or neither."""
        if every == bool(names) or (names and (service or consumer or kind)):
            raise PlatformRefused("name dead letters as `list` does, or say --all, with --service, --consumer, --type")
        return cls(names or (), service, consumer, kind)

    async def found(self, connection: Connection) -> list[dict[str, Any]]:
        """Those of the services, in the order in which each key's came."""
        return [
            {"service": service, **item}
            for service in connection.only(self.service)
            for item in sorted([one async for one in _listed(connection, service)], key=_place)
            if self.consumer in (None, item["consumer"]) and self.type in (None, item["type"])
        ]

    async def letters(self, connection: Connection) -> list[Letter]:
        """As `found`, or as they were named."""
        if self.names:
            named = [Letter.named(name) for name in dict.fromkeys(self.names)]
            for letter in named:
                connection.only(letter.service)
            return named
        found = await self.found(connection)
        return [Letter(item["service"], item["consumer"], UUID(item["event"])) for item in found]


@commands.command("list")
@refusals_are_told
def show(
    *,
    data: Data = DEFAULT_DATA,
    url: Url = None,
    service: _Service = None,
    consumer: _Consumer = None,
    kind: _Type = None,
    payload: Annotated[bool, typer.Option("--payload", help="With the event, where everybody may see it.")] = False,
) -> None:
    """Show them, with why they failed and how much waits behind each."""
    choice = Choice(service=service, consumer=consumer, type=kind)
    found = operate(choice.found, data, url)
    if found:
        Console(highlight=False).print(_table(found, payload=payload))
    else:
        typer.echo("there are no dead letters")


@commands.command()
@refusals_are_told
def retry(
    names: _Names = None,
    *,
    data: Data = DEFAULT_DATA,
    url: Url = None,
    service: _Service = None,
    consumer: _Consumer = None,
    kind: _Type = None,
    every: _All = False,
) -> None:
    """Apply them after all, and then what waits behind them; the exit code is 0 only when each was applied."""
    choice = Choice.given(names, service, consumer, kind, every=every)
    _settle(lambda connection: _each(connection, choice, "retry"), data, url)


@commands.command()
@refusals_are_told
def discard(
    names: _Names = None,
    *,
    data: Data = DEFAULT_DATA,
    url: Url = None,
    service: _Service = None,
    consumer: _Consumer = None,
    kind: _Type = None,
    every: _All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Give them up for ever; what waits behind them goes on without. Asks first."""
    choice = Choice.given(names, service, consumer, kind, every=every)
    if not yes:
        letters = operate(choice.letters, data, url)
        for letter in letters:
            typer.echo(letter.name)
        if letters:
            typer.confirm(f"give up {_counted(len(letters))} for ever?", abort=True)
        # What fails while the operator thinks is not meant.
        choice = Choice([letter.name for letter in letters])
        if not letters:
            typer.echo("there are no such dead letters")
            return
    _settle(lambda connection: _each(connection, choice, "discard"), data, url)


def _settle(work: Callable[[Connection], Awaitable[tuple[int, int]]], data: Data, url: Url) -> None:
    done, failed = operate(work, data, url)
    if not done + failed:
        typer.echo("there are no such dead letters")
    if failed:
        typer.echo(f"{done} done, {failed} not", err=True)
        raise typer.Exit(1)


async def _each(connection: Connection, choice: Choice, action: str) -> tuple[int, int]:
    """One after the other, so that those of one key keep their order. Answers how many were done, how many not."""
    done = failed = 0
    for letter in await choice.letters(connection):
        try:
            reply = await connection.operator.post(letter.service, f"{letter.path}/{action}")
        except Refused as refused:
            if refused.status not in (_REFUSED, _SETTLED_MEANWHILE):
                raise
            failed += 1
            problem = refused.problem
            typer.echo(f"{letter.name}: {problem.get('detail') or problem.get('title', refused.status)}", err=True)
        else:
            done += 1
            typer.echo(f"{letter.name}: {reply.body['outcome']}")
    return done, failed


def _listed(connection: Connection, service: str) -> Any:  # noqa: ANN401 - JSON
    return connection.operator.pages(service, "/v1/dead-letters")


def _place(item: dict[str, Any]) -> tuple[str, int]:
    return item["consumer"], item["position"]


def _counted(number: int) -> str:
    return "one dead letter" if number == 1 else f"{number} dead letters"


def _table(found: Sequence[dict[str, Any]], *, payload: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    # What `retry` takes is never broken.
    table.add_column("dead letter", no_wrap=True)
    table.add_column("what and why", overflow="fold")
    for heading in ("tries", "behind"):
        table.add_column(heading, justify="right")
    table.add_column("failed at", overflow="fold")
    for item in found:
        told = [item["type"] or "of no type", item["reason"]]
        if payload:
            told.append("not for everybody" if item["payload"] is None else json.dumps(item["payload"]))
        table.add_row(
            f"{item['service']}/{item['consumer']}/{item['event']}",
            Text("\n".join(told)),
            str(item["tries"]),
            str(item["waiting_behind"]),
            f"{datetime.fromisoformat(item['failed_at']):%Y-%m-%d %H:%M:%S}",
        )
    return table
