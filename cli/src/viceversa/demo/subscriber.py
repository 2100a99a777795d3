"""Another system's view: a plain Kafka consumer on the public topics that knows nothing but the published contract.

No code of the services is used here, on purpose. Delivery is at least once, so it counts every `ce_id` once.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from viceversa.platform.refusal import PlatformRefused

PUBLIC_TOPICS = (
    "viceversa.enrollment.v1",
    "viceversa.matching.v1",
    "viceversa.sessions.v1",
    "viceversa.feedback.v1",
)
_NOTICES_NEW_PARTITIONS_MS = 1_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One public event, as CloudEvents 1.0 in binary mode tells it. `trace_id` is that of the flow's beginning."""

    id: str
    type: str
    source: str
    at: datetime
    trace_id: str | None
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """`PairCreated` for `viceversa.PairCreated.v1`."""
        return self.type.split(".")[1]


class Deaf(LookupError):
    """Nobody listens any more."""


class Subscriber:
    """Listens from the first message of every public topic on, outside any consumer group."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._consumer: AIOKafkaConsumer | None = None
        self._listening: asyncio.Task[None] | None = None
        self._heard: dict[str, Heard] = {}
        self.duplicates = 0
        self.unreadable = 0
        """Records that are no CloudEvents: anybody may write to a topic that has no access list."""

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            *PUBLIC_TOPICS,
            bootstrap_servers=self._kafka,
            auto_offset_reset="earliest",
            metadata_max_age_ms=_NOTICES_NEW_PARTITIONS_MS,
        )
        try:
            await self._consumer.start()
        except KafkaError as error:
            await self._consumer.stop()
            raise PlatformRefused(f"Kafka at {self._kafka} does not answer: {error}") from error
        self._listening = asyncio.create_task(self.listen(self._consumer))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        if self._consumer is not None:
            await self._consumer.stop()

    def events(self, wanted: Callable[[Heard], bool]) -> list[Heard]:
        """What was heard so far, by domain time."""
        return sorted((event for event in self._heard.values() if wanted(event)), key=lambda event: event.at)

    def counts(self, program: str) -> Counter[str]:
        """Events of one program by name."""
        return Counter(event.name for event in self._heard.values() if event.data.get("program") == program)

    async def listen(self, consumer: AsyncIterable[ConsumerRecord]) -> None:
        """Take in what a consumer gets, for as long as it gets something."""
        async for record in consumer:
            try:
                event = heard(record)
            except (KeyError, ValueError, TypeError):
                self.unreadable += 1
            else:
                self.take([event])

    def take(self, events: Iterable[Heard]) -> None:
        """Keep each event once."""
        for event in events:
            self.duplicates += event.id in self._heard
            self._heard[event.id] = event

    def must_listen(self) -> None:
        """Raises Deaf when it listens no more: whatever is expected then would be waited for in vain."""
        if self._listening is None or not self._listening.done():
            return
        error = None if self._listening.cancelled() else self._listening.exception()
        raise Deaf(f"the subscriber hears nothing more: {error!r}") from error


def heard(record: ConsumerRecord) -> Heard:
    """Read one message: attributes from the headers (`ce_…`), data from the value. Raises KeyError, ValueError."""
    headers = {name: value.decode() for name, value in record.headers}
    traceparent = headers.get("ce_traceparent")
    return Heard(
        id=headers["ce_id"],
        type=headers["ce_type"],
        source=headers["ce_source"],
        at=datetime.fromisoformat(headers["ce_time"]),
        trace_id=traceparent.split("-")[1] if traceparent else None,
        data=_object(record.value),
    )


def _object(value: bytes | None) -> dict[str, Any]:
    data = json.loads(value or b"")
    if not isinstance(data, dict):
        raise ValueError("an event's data is a JSON object")  # noqa: TRY004 - the sender's mistake, not a caller's
    return data
