"""What the services need around them: where it is, how it is started, and when it is ready."""

import asyncio
import signal
from collections.abc import Sequence
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from viceversa.platform.account import account_for_postgres
from viceversa.platform.announcement import announced
from viceversa.platform.description import Description
from viceversa.platform.folder import DataFolder
from viceversa.platform.groups import refuse_if_another_platform_consumes
from viceversa.platform.keys import Keys
from viceversa.platform.ports import Ports
from viceversa.platform.postgres import SUPERUSER, Cluster
from viceversa.platform.process import Program
from viceversa.platform.spawning import PYTHON
from viceversa.platform.topics import create_topics

_DATABASE_STAGE = 0
_STAGE = 1
_PATIENCE = 3.0


class Infrastructure:
    """PostgreSQL, Redis, broker and identity provider, on the ports they had last time where those are free."""

    def __init__(
        self, folder: DataFolder, *, former: Description | None, given_kafka: str | None, services: Sequence[str]
    ) -> None:
        self.keys = Keys(folder.keys, data_exists=(folder.cluster / "PG_VERSION").exists())
        self.kafka = given_kafka or ""
        self.log_epoch = ""
        ports = Ports()
        former_urls = {name: running.url for name, running in former.services.items()} if former else {}
        self.service_urls = {
            name: f"http://127.0.0.1:{ports.choose(_port(former_urls.get(name)))}" for name in services
        }
        self.identity_provider = f"http://127.0.0.1:{ports.choose(_port(former.identity_provider if former else None))}"
        self.redis = f"redis://127.0.0.1:{ports.choose(_port(former.redis if former else None))}/0"
        self._account = account_for_postgres()
        self.cluster = Cluster(
            folder.cluster,
            port=ports.choose(_port(next(iter(former.databases.values()), None) if former else None)),
            password=self.keys.password(SUPERUSER),
            account=self._account,
            services=services,
        )
        self._passwords = {name: self.keys.password(name) for name in services}
        self.databases = {name: self.cluster.url(name, name, word) for name, word in self._passwords.items()}
        self._given_kafka = given_kafka
        self._broker_address = folder.run / "broker.json"
        # Not through a proxy, whatever the environment says about those.
        self._http = httpx.AsyncClient(trust_env=False, timeout=_PATIENCE)

    def programs(self) -> list[Program]:
        """Everything to be started here, in the order people see."""
        programs = [
            Program(
                name="postgres",
                stage=_DATABASE_STAGE,
                command=self.cluster.command,
                ready=lambda _: self.cluster.ready(),
                address=lambda: self.cluster.address,
                # SIGTERM would wait until the last client hangs up.
                stop_signal=signal.SIGINT,
                account=self._account,
            ),
            Program(
                name="redis",
                stage=_STAGE,
                command=lambda: (*PYTHON, "viceversa.platform.redis_server", "--port", str(_port(self.redis))),
                ready=lambda _: self._redis_answers(),
                address=lambda: urlsplit(self.redis).netloc,
            ),
            Program(
                name="identity-provider",
                stage=_STAGE,
                command=lambda: (*PYTHON, "viceversa.identity_provider"),
                environment=lambda: {
                    "ENVIRONMENT": "local",
                    "HOST": "127.0.0.1",
                    "PORT": str(_port(self.identity_provider)),
                    "ISSUER": self.identity_provider,
                    "AUDIENCE": "viceversa",
                    "SIGNING_KEY_FILE": str(self.keys.identity_provider()),
                },
                ready=lambda _: self.answers(f"{self.identity_provider}/readyz"),
                address=lambda: self.identity_provider,
            ),
        ]
        if self._given_kafka is None:
            broker = Program(
                name="broker",
                stage=_STAGE,
                command=self._new_broker,
                ready=self._broker_answers,
                address=lambda: self.kafka,
            )
            programs.insert(2, broker)
        return programs

    async def provide_databases(self) -> None:
        """A role and a database for each service."""
        await self.cluster.provide(self._passwords)

    async def create_topics(self) -> list[str]:
        """On a Kafka that was given and is nobody else's; a broker in memory makes topics by itself."""
        created = await create_topics(self.kafka)
        await refuse_if_another_platform_consumes(self.kafka)
        return created

    async def answers(self, url: str) -> bool:
        """Whether a GET of that URL is answered with 200."""
        try:
            return (await self._http.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def close(self) -> None:
        """Give back what was opened to ask others whether they are ready."""
        await self._http.aclose()

    def _new_broker(self) -> Sequence[str]:
        self._broker_address.unlink(missing_ok=True)
        self.log_epoch = uuid4().hex
        return (*PYTHON, "viceversa.platform.broker", "--address-file", str(self._broker_address))

    async def _broker_answers(self, pid: int) -> bool:
        address = announced(self._broker_address, pid)
        if address is None:
            return False
        self.kafka = address
        return await _exchange(address) is not None

    async def _redis_answers(self) -> bool:
        return await _exchange(urlsplit(self.redis).netloc, b"*1\r\n$4\r\nPING\r\n") == b"+PONG\r\n"


async def _exchange(address: str, request: bytes = b"") -> bytes | None:
    """Connect, send, and return the first line of the answer if something was sent; None when nobody answers."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(request)
                return await reader.readline() if request else b""
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return None


def _port(url: str | None) -> int | None:
    return urlsplit(url).port if url else None
