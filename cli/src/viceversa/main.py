"""The `viceversa` command line."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from viceversa.demo.command import demo
from viceversa.operations import dead_letters, projections
from viceversa.platform.foreground import run_until_signalled
from viceversa.platform.presence import presence, stop_platform
from viceversa.platform.refusal import refusals_are_told
from viceversa.platform.screen import SteadyConsole, show_presence
from viceversa.platform.topics import create_topics

app = typer.Typer(no_args_is_help=True, add_completion=False)
topics = typer.Typer(no_args_is_help=True, help="The topics of a real Kafka.")
app.add_typer(topics, name="topics")
app.add_typer(dead_letters.commands, name="dead-letters")
app.add_typer(projections.commands, name="projections")


@app.callback()
def viceversa() -> None:
    """Reverse mentoring programs, event by event."""
    # What it would write by itself is said by a refusal, or is in a process's log.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())


Data = Annotated[Path, typer.Option(help="Folder that keeps everything the platform knows.")]
Kafka = Annotated[str, typer.Option(help="host:port of the Kafka to use.", metavar="HOST:PORT")]
DEFAULT_DATA = Path(".viceversa")


@app.command()
@refusals_are_told
def up(
    data: Data = DEFAULT_DATA,
    kafka: Annotated[
        str | None,
        typer.Option(help="host:port of a Kafka to use instead of the broker in memory.", metavar="HOST:PORT"),
    ] = None,
) -> None:
    """Start the whole platform on this machine and keep it running until Ctrl-C."""
    asyncio.run(run_until_signalled(data, kafka, SteadyConsole()))


app.command()(refusals_are_told(demo))


@app.command()
@refusals_are_told
def down(data: Data = DEFAULT_DATA) -> None:
    """Stop the platform that runs in a folder, or what a killed one has left there."""
    typer.echo(stop_platform(data))


@app.command()
@refusals_are_told
def status(data: Data = DEFAULT_DATA) -> None:
    """Show what runs in a folder; the exit code is 0 only when every service is ready."""
    found = asyncio.run(presence(data))
    show_presence(found, data, Console())
    if not found.complete:
        raise typer.Exit(1)


@topics.command("create")
@refusals_are_told
def create(
    kafka: Kafka,
    replication_factor: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 1,
) -> None:
    """Create the topics that are missing: two a service, 12 partitions, 30 days public and 7 days restricted."""
    created = asyncio.run(create_topics(kafka, replication_factor=replication_factor))
    for topic in created:
        typer.echo(f"created {topic}")
    if not created:
        typer.echo("every topic exists already")


if __name__ == "__main__":
    app()
