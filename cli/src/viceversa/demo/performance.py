"""One performance of the story: the stage is set, the acts are played, and what came of them is shown and written."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from viceversa.client import AT_ONCE, Platform, now
from viceversa.demo import report
from viceversa.demo.enterprise import Person, people, sign_up_file
from viceversa.demo.expectations import Expectations
from viceversa.demo.stage import Progress, Stage
from viceversa.demo.story import STORY, Played, play
from viceversa.demo.subscriber import Subscriber
from viceversa.demo.summary import summarise
from viceversa.demo.surroundings import Surroundings
from viceversa.polling import LIMIT_S

_REQUEST_TIMEOUT_S = 300.0
_LIMIT_A_PERSON_S = 0.04
"""What a large enterprise does at once takes a while to arrive."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line."""

    people: int
    seed: int
    summary: Path
    keep: bool


async def perform(console: Console, platform: AbstractAsyncContextManager[Surroundings], wishes: Wishes) -> bool:
    """Play it all; answers whether every expected effect was seen. Raises PlatformRefused.

    With `wishes.keep` the platform runs on until this is cancelled, which is then no failure.
    """
    began = time.monotonic()
    enterprise = people(wishes.people, wishes.seed)
    theatre = report.Theatre(console)
    theatre.announce(enterprise)
    async with AsyncExitStack() as stack:
        with theatre:
            theatre.raise_curtain("The platform starts")
            surroundings = await stack.enter_async_context(platform)
            theatre.drop_curtain(
                Played("The platform starts", f"broker at {surroundings.kafka}", time.monotonic() - began)
            )
            stage = await stack.enter_async_context(_stage(surroundings, enterprise, wishes, theatre.progress))
            for act in STORY:
                theatre.raise_curtain(act.title)
                played = await play(act, stage)
                theatre.drop_curtain(played)
                if not played.to_its_end:
                    break
        summary = summarise(stage, time.monotonic() - began)
        summary.write(wishes.summary)
        report.show(console, stage, summary, wishes.summary)
        report.show_where_to_look(console, surroundings, runs_on=wishes.keep)
        if wishes.keep:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    return not stage.expectations.missed


@asynccontextmanager
async def _stage(
    surroundings: Surroundings, enterprise: Sequence[Person], wishes: Wishes, progress: Progress
) -> AsyncIterator[Stage]:
    """The subscriber listens before the first command, so that nothing is told without it."""
    # A pool looks at all its connections at every request: one for each host is much cheaper than one for all.
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    hosts = (*surroundings.urls.values(), surroundings.identity_provider)
    mounts = {host: httpx.AsyncHTTPTransport(limits=limits) for host in hosts}
    async with (
        Subscriber(surroundings.kafka) as subscriber,
        httpx.AsyncClient(mounts=mounts, timeout=_REQUEST_TIMEOUT_S, trust_env=False) as http,
    ):
        platform = Platform(surroundings.urls, surroundings.identity_provider, http)
        operator = platform.caller("ops-1", "operator")
        yield Stage(
            platform=platform,
            subscriber=subscriber,
            spans=surroundings.spans,
            enterprise=enterprise,
            file=sign_up_file(enterprise),
            dice=random.Random(wishes.seed),  # noqa: S311 - choices of a sample, not a secret
            expectations=Expectations(limit=max(LIMIT_S, wishes.people * _LIMIT_A_PERSON_S)),
            progress=progress,
            administrator=platform.caller("admin-1", "administrator"),
            operator=operator,
            coordinator=platform.caller("hr-lead"),
            now=await now(operator),
        )
