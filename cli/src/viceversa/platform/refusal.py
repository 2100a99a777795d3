"""What the platform says when it cannot do what was asked, and how a command tells it."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer
from rich.console import Console

P = ParamSpec("P")


class PlatformRefused(Exception):
    """The platform cannot start or go on; the message says what, where and how to mend it."""


class AlreadyRuns(PlatformRefused):
    """Another `viceversa up` or `viceversa demo` holds the data folder."""


def refusals_are_told(command: Callable[P, None]) -> Callable[P, None]:
    """A refusal is one message and exit code 1, not a traceback."""

    @wraps(command)
    def told(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
        except PlatformRefused as refusal:
            Console(stderr=True).print(f"viceversa: {refusal}", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None

    return told
