"""A relay's brake on a broker that forgets: it runs no further ahead than the route table's groups have committed."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic

import structlog
from aiokafka.errors import KafkaError

from events.runtime.offsets import GroupOffsets

_log = structlog.get_logger(__name__)

_EVERY = 2
_PAUSE = 0.05


class CommittedOffsets:
    """Looks every second page how far each group is behind the end of each partition.

    `furthest` messages a partition, with two more pages, stay below what librdkafka's mock cluster keeps of a partition
    (100,000 messages or 5 MB).
    """

    def __init__(
        self,
        bootstrap_servers: str,
        groups: Mapping[str, Sequence[str]],
        *,
        furthest: int = 1_000,
        loud_after: float = 15.0,
    ) -> None:
        self._groups = {
            group: GroupOffsets(bootstrap_servers, group, [topic for topic, names in groups.items() if group in names])
            for group in sorted({name for names in groups.values() for name in names})
        }
        self._furthest = furthest
        self._loud_after = loud_after
        self._pages = 0

    async def hold(self) -> None:
        """Wait until no group is further behind than allowed."""
        self._pages += 1
        if self._pages % _EVERY:
            return
        since, told = monotonic(), False
        while (group := await self._furthest_behind()) is not None:
            if not told and monotonic() - since > self._loud_after:
                _log.error("relay waits for a group that stands still", group=group, topics=self._groups[group].topics)
                told = True
            await asyncio.sleep(_PAUSE)

    async def close(self) -> None:
        """Close the connections."""
        for offsets in self._groups.values():
            await offsets.close()

    async def _furthest_behind(self) -> str | None:
        try:
            for group, offsets in self._groups.items():
                if any(progress.behind > self._furthest for progress in (await offsets.progress()).values()):
                    return group
        except KafkaError:
            # The relay's own sends meet the same broker and say what is wrong with it.
            await self.close()
        return None
