"""The local platform as one object: `async with` starts it, leaving the block stops it.

    async with LocalPlatform(Path(".viceversa")) as platform:
        platform.urls["enrollment"], platform.identity_provider

Inside the block every service has answered 200 on /readyz at least once, and what dies is started again. The same
folder started again has the same data. When the supervisor is killed, a watcher stops the rest; what even that left
behind is recognised and stopped by the next start.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from viceversa.platform.description import Description, Running, read_description
from viceversa.platform.folder import SUPERVISOR, DataFolder, FolderLock
from viceversa.platform.infrastructure import Infrastructure
from viceversa.platform.leftovers import Register, stop_leftovers
from viceversa.platform.process import Process, Program, State
from viceversa.platform.refusal import AlreadyRuns, PlatformRefused
from viceversa.platform.services import SERVICES, service_environment
from viceversa.platform.spawning import PYTHON, Nursery

_LONGEST_START = 120.0
_LONGEST_CLEARING = 30.0
_SERVICE_STAGE = 2


def _ignore(_: object) -> None:
    pass


class LocalPlatform:
    """PostgreSQL, Redis, a broker, the identity provider and the services, on this machine and in one data folder.

    Args:
        data: the folder, made when absent; one platform at a time.
        kafka: `host:port` of a Kafka to use; None starts a broker in memory.
        services: name → command of each; by default all of Viceversa's.
        changed: called whenever a process changes its state.
        remarked: called with what a person should know beside that.

    Raises (on entering):
        AlreadyRuns: another platform runs in that folder.
        PlatformRefused: something cannot start; the message says what and why.
    """

    def __init__(
        self,
        data: Path,
        kafka: str | None = None,
        *,
        services: Mapping[str, Sequence[str]] = SERVICES,
        changed: Callable[[Process], None] = _ignore,
        remarked: Callable[[str], None] = _ignore,
    ) -> None:
        self.processes: tuple[Process, ...] = ()
        self._folder = DataFolder(data)
        self._given_kafka = kafka
        self._commands = services
        self._tell = changed
        self._remark = remarked
        self._lock = FolderLock(self._folder.lock)
        self._nursery = Nursery()
        self._watcher: asyncio.subprocess.Process | None = None
        self._state: State = State.WAITING
        self._epoch_of_services = ""

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._folder.root

    @property
    def urls(self) -> dict[str, str]:
        """Base URL of each service."""
        return dict(self._infrastructure.service_urls)

    @property
    def identity_provider(self) -> str:
        """Base URL of the identity provider."""
        return self._infrastructure.identity_provider

    @property
    def kafka(self) -> str:
        """Bootstrap address of the broker that is used now."""
        return self._infrastructure.kafka

    @property
    def databases(self) -> dict[str, str]:
        """Connection URL of each service's database, with its password."""
        return dict(self._infrastructure.databases)

    @property
    def redis(self) -> str:
        """URL of the Redis."""
        return self._infrastructure.redis

    async def __aenter__(self) -> Self:
        try:
            self._folder.make()
        except OSError as error:
            raise PlatformRefused(
                f"{self.data} cannot be the data folder: {error.strerror}; --data names another"
            ) from error
        await self._take_the_folder()
        try:
            try:
                async with asyncio.timeout(_LONGEST_START):
                    await self._start()
            except TimeoutError:
                waiting = [process.name for process in self.processes if process.state is not State.READY]
                raise PlatformRefused(
                    f"not ready after {_LONGEST_START:g} s: {', '.join(waiting)}; their logs are in {self._folder.logs}"
                ) from None
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    async def _take_the_folder(self) -> None:
        """Refuse while another supervisor lives; wait while a dead one's processes are being stopped."""
        give_up = asyncio.get_running_loop().time() + _LONGEST_CLEARING
        while not self._lock.take(SUPERVISOR):
            holder = self._lock.holder(SUPERVISOR)
            if holder is not None or asyncio.get_running_loop().time() > give_up:
                who = f"process {holder.pid}" if holder else "another process"
                raise AlreadyRuns(
                    f"a platform already runs in {self.data} ({who}). `viceversa status` shows it, "
                    "`viceversa down` stops it, and --data names another folder"
                )
            await asyncio.sleep(0.05)

    async def _start(self) -> None:
        for name in await asyncio.to_thread(stop_leftovers, self._folder.register):
            self._remark(f"stopped {name}, which an earlier platform in this folder had left running")
        self._folder.set_large_logs_aside()
        await self._start_watcher()
        await self._nursery.open(self._commands.values(), self._folder.log("nursery"))
        self._infrastructure = Infrastructure(
            self._folder,
            former=read_description(self._folder.description),
            given_kafka=self._given_kafka,
            services=tuple(self._commands),
        )
        register = Register(self._folder.register)
        programs = (*self._infrastructure.programs(), *(self._service(name) for name in self._commands))
        self.processes = tuple(
            Process(
                program,
                log=self._folder.log(program.name),
                register=register,
                changed=self._changed,
                spawn=self._nursery.start,
            )
            for program in programs
        )
        self._state = State.STARTING
        self._describe()
        await self._start_processes({process.name: process for process in self.processes})
        self._state = State.READY
        self._describe()

    async def _start_processes(self, processes: Mapping[str, Process]) -> None:
        infrastructure = self._infrastructure

        async def databases() -> None:
            for remark in await infrastructure.cluster.prepare():
                self._remark(remark)
            await processes["postgres"].run_until_ready()
            await infrastructure.provide_databases()

        async def broker() -> None:
            if self._given_kafka is None:
                await processes["broker"].run_until_ready()
            else:
                for topic in await infrastructure.create_topics():
                    self._remark(f"created the topic {topic}")

        async def services() -> None:
            await _together(databases(), broker())
            self._epoch_of_services = infrastructure.log_epoch
            await _together(*(processes[name].run_until_ready() for name in self._commands))

        others = (processes[name].run_until_ready() for name in ("redis", "identity-provider"))
        await _together(services(), *others)

    def _service(self, name: str) -> Program:
        infrastructure = self._infrastructure
        url = infrastructure.service_urls[name]

        def environment() -> dict[str, str]:
            return service_environment(
                name,
                urls=infrastructure.service_urls,
                identity_provider=infrastructure.identity_provider,
                database=infrastructure.databases[name],
                kafka=infrastructure.kafka,
                redis=infrastructure.redis,
                log_epoch=infrastructure.log_epoch,
                spans=self._folder.spans / f"{name}.jsonl",
                keys=infrastructure.keys,
            )

        return Program(
            name=name,
            stage=_SERVICE_STAGE,
            command=lambda: self._commands[name],
            environment=environment,
            ready=lambda _: infrastructure.answers(f"{url}/readyz"),
            address=lambda: url,
        )

    def _changed(self, process: Process) -> None:
        # A new broker in memory has an empty log and another address: the services begin again with both.
        epoch = self._infrastructure.log_epoch
        if process.name == "broker" and process.state is State.READY and epoch != self._epoch_of_services:
            for service in self.processes:
                if service.name in self._commands:
                    service.restart()
            self._epoch_of_services = epoch
        self._describe()
        self._tell(process)

    def _describe(self) -> None:
        try:
            self._description().write(self._folder.description)
        except OSError as error:
            self._remark(f"{self._folder.description} could not be written: {error}")

    def _description(self) -> Description:
        infrastructure = self._infrastructure
        pids = {process.name: process.pid for process in self.processes}
        states: Mapping[State, Any] = {State.STARTING: "starting", State.READY: "running", State.STOPPING: "stopping"}
        return Description(
            state=states.get(self._state, "stopped"),
            broker="local broker" if self._given_kafka is None else "kafka",
            supervisor=None if self._state is State.STOPPED else os.getpid(),
            services={name: Running(url=url, pid=pids.get(name)) for name, url in infrastructure.service_urls.items()},
            kafka=infrastructure.kafka or None,
            log_epoch=infrastructure.log_epoch,
            databases=infrastructure.databases,
            redis=infrastructure.redis,
            identity_provider=infrastructure.identity_provider,
            logs=self._folder.logs,
            spans=self._folder.spans,
        )

    async def _start_watcher(self) -> None:
        with self._folder.log("watcher").open("ab") as log:
            self._watcher = await asyncio.create_subprocess_exec(
                *PYTHON,
                "viceversa.platform.watcher",
                str(self.data),
                str(os.getpid()),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _stop(self) -> None:
        errors: list[BaseException] = []
        self._nursery.give_up()
        if self.processes:
            self._state = State.STOPPING
            self._describe()
            for stage in sorted({process.program.stage for process in self.processes}, reverse=True):
                ends = await asyncio.gather(
                    *(process.stop() for process in self.processes if process.program.stage == stage),
                    return_exceptions=True,
                )
                errors += [end for end in ends if end is not None]
            await self._infrastructure.close()
            self._state = State.STOPPED
            self._describe()
        await self._nursery.close()
        if self._watcher is not None and self._watcher.stdin is not None:
            with contextlib.suppress(ConnectionError):
                self._watcher.stdin.write(b"everything is stopped\n")
                await self._watcher.stdin.drain()
            self._watcher.stdin.close()
            await self._watcher.wait()
        self._lock.free()
        # Only now: one that could not be kept is no reason to leave the others running.
        if errors:
            raise errors[0]


async def _together(*steps: Coroutine[Any, Any, None]) -> None:
    """Take all steps at once; when one fails, the others are given up and its error is raised as it is."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
