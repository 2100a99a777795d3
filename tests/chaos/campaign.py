"""A campaign: servers, services and load; faults by the schedule; heal, rest, and let the checker look."""

import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import asyncpg
import httpx

from chaos import journal as journals
from chaos.checker import evidence as seen
from chaos.checker import recovery
from chaos.checker.evidence import Evidence, Rebuilt
from chaos.checker.finding import Finding
from chaos.checker.judge import judge
from chaos.checker.losses import waits_for_nothing
from chaos.checker.routes import TOPICS, groups
from chaos.clients import traced
from chaos.fates import Suffered
from chaos.faults.fault import Fault
from chaos.ground import Ground
from chaos.load import Load, pass_an_hour, prepare
from chaos.schedule import Injection, digest, draw
from chaos.servers import standing
from chaos.suffering import suffer, supervise
from integration.processes import Platform, running_platform
from integration.servers import Kind

PATHS = os.pathsep.join(str(Path(__file__).resolve().parents[2] / part) for part in ("tests", "deploy/kafka"))
_LOOK_EVERY = 0.3


@dataclass(frozen=True)
class Options:
    """What a campaign is."""

    seed: int
    seconds: float
    number: int
    faults: Sequence[Fault]
    servers: Kind
    folder: Path
    brokers: int = 1
    """Of Kafka: one, or three of which one may die."""
    pause: tuple[float, float] = (0.05, 0.3)
    """Shortest and longest pause of a client between two things it does, in seconds."""
    within_seconds: float = 30.0
    """In which lag must be zero after the last fault."""
    longest_rest: float = 180.0
    """Seconds after which the checker looks although not all is at rest."""
    rebuilds: bool = True
    """Whether the runtime rebuilds every projection in the end and compares it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the services' processes, beside their own."""


@dataclass(frozen=True)
class Plan:
    """What is to happen."""

    schedule: Sequence[Injection]
    impossible: Mapping[str, str]
    """Faults that these servers cannot suffer, and why."""

    @property
    def digest(self) -> str:
        """The same for the same schedule."""
        return digest(self.schedule)


@dataclass(frozen=True)
class Result:
    """What came of it."""

    options: Options
    plan: Plan
    evidence: Evidence
    findings: Sequence[Finding]
    suffered: Sequence[Suffered]
    """What became of each fault of the schedule."""
    restarts: int
    """Processes that ended by themselves, and were started again."""

    @property
    def violations(self) -> int:
        """Of all invariants."""
        return sum(len(finding.violations) for finding in self.findings)


def stop(*_: object) -> NoReturn:
    """End as by Ctrl-C when told by a signal: everything that was started is stopped."""
    raise SystemExit(1)


def run(options: Options, say: Callable[[str], None]) -> Result:
    """Run one. Blocks; must not be called from a running loop."""
    options.folder.mkdir(parents=True, exist_ok=True)
    environment = {"PYTHONPATH": PATHS, **options.environment}
    with ExitStack() as stack:
        stand = stack.enter_context(standing(options.servers, options.brokers))
        platform = stack.enter_context(
            running_platform(stand.addresses, options.folder / "platform", routed=stand.routed, environment=environment)
        )
        journal = stack.enter_context(journals.writing(options.folder / "journal.jsonl"))
        runner = stack.enter_context(asyncio.Runner(loop_factory=asyncio.new_event_loop))
        return runner.run(_run(options, Ground(stand, platform, journal), say))


async def _run(options: Options, ground: Ground, say: Callable[[str], None]) -> Result:
    impossible = {fault.name: why for fault in options.faults if (why := fault.why_not(ground.stand)) is not None}
    for name, why in impossible.items():
        say(f"NOT POSSIBLE HERE: {name}: {why}")
    possible = [fault for fault in options.faults if fault.name not in impossible]
    plan = Plan(draw(options.seed, options.seconds, options.number, possible), impossible)
    say(f"seed {options.seed}, {len(plan.schedule)} faults in {options.seconds:g} s, schedule {plan.digest}")
    async with traced(ground.journal) as http:
        load = await prepare(ground, http, options.seed, options.pause)
        ended = asyncio.Event()
        loading = asyncio.create_task(load.run(ended))
        try:
            faults = {fault.name: fault for fault in possible}
            suffered = await suffer(ground, faults, plan.schedule, loading, say)
        finally:
            ended.set()
        await asyncio.wait_for(loading, 120)
        found = await _settle(options, ground, load, say)
    return Result(options, plan, found, judge(found), suffered, ground.restarts)


async def _settle(options: Options, ground: Ground, load: Load, say: Callable[[str], None]) -> Evidence:
    began = time.monotonic()
    supervising = asyncio.create_task(supervise(ground, defaultdict(asyncio.Lock)))
    unrest = await _come_to_rest(ground, options.longest_rest)
    rested = time.monotonic() - began
    say(
        f"at rest {rested:.1f} s after the last fault"
        if not unrest
        else f"NOT at rest after {rested:.0f} s: {unrest[0]}"
    )
    if not unrest:
        # What time makes due is no fault's doing: it is done after the clock was stopped.
        await asyncio.to_thread(lambda: [service.ready() for service in ground.platform.services.values()])
        await pass_an_hour(load)
        await _come_to_rest(ground, options.longest_rest)
    supervising.cancel()
    return await _look(options, ground, rested)


async def _come_to_rest(ground: Ground, within: float) -> list[str]:
    """Wait until nobody is behind; answers what still is when the time is over."""
    deadline = time.monotonic() + within
    while True:
        try:
            unrest = await _unrest(ground)
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresConnectionError,
            asyncpg.InterfaceError,
            seen.Unreachable,
        ) as error:
            unrest = [f"{type(error).__name__}: {error}"]
        if not unrest or time.monotonic() > deadline:
            return unrest
        await asyncio.sleep(_LOOK_EVERY)


async def _unrest(ground: Ground) -> list[str]:
    stores = await seen.read_stores(ground.platform.databases, light=True)
    behind = await asyncio.to_thread(seen.lag, ground.stand.addresses.kafka, groups())
    looked = Evidence(journals.Record(), stores, relay_cursor=ground.platform.relay_cursor, behind=behind)
    waiting = [
        f"{service}: {violation}"
        for service, store in stores.items()
        for violation in waits_for_nothing(service, store)
    ]
    return [*recovery.check(looked).violations, *waiting]


async def _look(options: Options, ground: Ground, rested: float) -> Evidence:
    stores = await seen.read_stores(ground.platform.databases)
    kafka = ground.stand.addresses.kafka
    return Evidence(
        record=journals.read((options.folder / "journal.jsonl").read_text().splitlines(keepends=True)),
        stores=stores,
        topic=await asyncio.to_thread(seen.read_topics, kafka, TOPICS),
        rebuilt=await _all_rebuilt(ground.platform) if options.rebuilds else (),
        relay_cursor=ground.platform.relay_cursor,
        behind=await asyncio.to_thread(seen.lag, kafka, groups()),
        stood_still=await _stood_still(ground.platform),
        recovery_seconds=rested,
        within_seconds=options.within_seconds,
    )


async def _all_rebuilt(platform: Platform) -> list[Rebuilt]:
    """At once: most of it is the time that a process takes to start."""
    found = await asyncio.gather(*(_rebuilt(platform, name) for name in platform.services))
    return [table for tables in found for table in tables]


async def _rebuilt(platform: Platform, service: str) -> list[Rebuilt]:
    """What the runtime says of a service's tables and the same ones made again."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chaos.rebuilt",
        service,
        env={**os.environ, **platform.services[service].environment, "PYTHONPATH": PATHS},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{service} could not rebuild its projections; its message stands above")
    return [Rebuilt(**json.loads(line)) for line in said.splitlines()]


async def _stood_still(platform: Platform) -> list[str]:
    """Partitions that services say stand still."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        answers = [(await http.get(f"{url}/readyz")).json() for url in platform.urls.values()]
    return [
        f"{one['consumer']} {one['topic']}/{one['partition']}" for said in answers for one in said["stopped_partitions"]
    ]
