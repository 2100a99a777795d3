"""One process of a service: how the roles that it plays are started, and stopped in order."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import structlog

from events.runtime import logs, telemetry
from events.runtime.clock import TurnableClock
from events.runtime.group_commit import GroupCommit
from events.runtime.http.server import listening
from events.runtime.migrations import await_upgrade, upgrade
from events.runtime.numbering import DatabaseInUse, LogIsAhead, renumber
from events.runtime.service import Service, ServiceDefinition
from events.runtime.settings import ServiceSettings
from events.runtime.starting import check
from events.runtime.subscription import Subscription

_log = structlog.get_logger(__name__)

S = TypeVar("S", bound=ServiceSettings)

# With a consumer's batch in hand (`subscription`), a process has stopped within 25 s; orchestrators kill after 30.
_REQUESTS_MAY_TAKE = 10
_COMMANDS_MAY_TAKE = 5.0


def serve(define: Callable[[S], ServiceDefinition], settings_type: Callable[[], S]) -> None:
    """Entry point of a service: `migrate` and `renumber` do that and end; else roles run until SIGTERM or SIGINT."""
    settings = settings_type()
    logs.set_up(settings.log_level)
    definition = define(settings)
    match sys.argv[1:]:
        case []:
            asyncio.run(_serve(definition, settings))
        case ["migrate"]:
            asyncio.run(upgrade(settings.database_url, definition.migrations))
        case ["renumber"]:
            asyncio.run(_renumber(settings.database_url))
        case _:
            raise SystemExit(f"usage: python -m {definition.name}.main [migrate | renumber]")


async def _renumber(database_url: str) -> None:
    try:
        rows = await renumber(database_url)
    except DatabaseInUse as refused:
        raise SystemExit(f"nothing was renumbered: {refused}") from None
    _log.info("the log is renumbered" if rows else "nothing lies ahead; nothing was renumbered", rows=rows)


async def _serve(definition: ServiceDefinition, settings: ServiceSettings) -> None:
    tracing = telemetry.set_up(definition.name, settings.spans_file)
    if "api" in settings.roles:
        await upgrade(settings.database_url, definition.migrations)
    else:
        await await_upgrade(settings.database_url, definition.migrations)
    try:
        await check(settings.database_url, definition.name)
    except LogIsAhead as refused:
        raise SystemExit(f"{definition.name} does not start: {refused}") from None
    service = Service(definition, settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What start-up made lives as long as the process: collections need not walk it. Halves the p99 of HTTP.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    try:
        async with _running(service):
            await stop.wait()
            service.stopping = True
            _log.info("stopping", service=definition.name)
    finally:
        await service.close()
        tracing.shutdown()
    if service.failed:
        raise SystemExit(1)


@asynccontextmanager
async def _running(service: Service) -> AsyncIterator[None]:
    """The process's roles. They stop in the order in which work flows: requests, consumers, commands, then readers."""
    roles = service.settings.roles
    readers: list[asyncio.Task[None]] = []
    consuming: list[asyncio.Task[None]] = []
    async with AsyncExitStack() as stopping:
        stopping.push_async_callback(_stop, readers)
        stopping.push_async_callback(_settle, service.commands)
        stopping.push_async_callback(_stop, consuming)
        readers.append(_start(service, service.hints.listen()))
        if "relay" in roles or "projector" in roles:
            readers.append(_start(service, service.hints.watch(service.read_pool)))
        if {"relay", "consumer", "projector"} & set(roles):
            readers.append(_start(service, service.liveness.watch()))
        if isinstance(service.clock, TurnableClock):
            await service.clock.read()
            readers.append(_start(service, service.clock.follow()))
        if "relay" in roles:
            readers += [_start(service, relay.run()) for relay in service.relays]
        if "projector" in roles:
            readers += [_start(service, projector.run()) for projector in service.projectors]
            readers.append(_start(service, service.rebuilder().run()))
            if service.definition.due:
                consuming.append(_start(service, service.due_worker().run()))
        if "consumer" in roles and service.consumers:
            service.subscription = Subscription(
                service.settings.kafka_bootstrap_servers, service.consumers, service.definition.name
            )
            consuming.append(_start(service, service.subscription.run()))
        # Every role answers health, `api` answers the rest too.
        settings = service.settings
        application, limit = service.application(), _REQUESTS_MAY_TAKE
        async with listening(application, settings.host, settings.port, requests_may_take=limit):
            yield


async def _settle(commands: GroupCommit) -> None:
    try:
        async with asyncio.timeout(_COMMANDS_MAY_TAKE):
            await commands.close()
    except TimeoutError:
        # Whoever asked is gone, or was told that the outcome is unknown; the database rolls back what did not commit.
        _log.warning("stopping although a command is not settled: the database does not answer")


def _start(service: Service, role: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(role)
    task.add_done_callback(partial(_ended, service))
    return task


def _ended(service: Service, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        service.failed = True
        # Half a service is worse than none: whoever runs the process starts it again.
        _log.critical("a role died; the process ends", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
