"""Whether the broker answers now. Clients that run already go on asking in silence, so readiness asks by itself."""

import asyncio
from time import monotonic

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

_WITHIN = 2.0
_FRESH_ENOUGH = 1.0


class Broker:
    """The broker as one process reaches it."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._asked = float("-inf")
        self._answered = False
        self._asking = asyncio.Lock()

    async def answers(self) -> bool:
        """Whether a new connection gets its metadata within 2 s; as of a second ago at most."""
        async with self._asking:
            if monotonic() - self._asked > _FRESH_ENOUGH:
                self._answered = await self._ask()
                self._asked = monotonic()
            return self._answered

    async def _ask(self) -> bool:
        client = AIOKafkaClient(bootstrap_servers=self._bootstrap_servers, client_id="readiness")
        try:
            async with asyncio.timeout(_WITHIN):
                await client.bootstrap()
        except (KafkaError, OSError):
            return False
        else:
            return True
        finally:
            await client.close()
