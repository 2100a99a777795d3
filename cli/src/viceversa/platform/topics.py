"""The topics of Kafka: two a producing service, as the contracts say who may hear what."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

# Imported so that they register their event types.
from events.contracts import enrollment, feedback, matching, sessions  # noqa: F401
from events.contracts.registry import Audience, all_event_types
from viceversa.platform.refusal import PlatformRefused

PARTITIONS = 12
_ADDRESSES = re.compile(r"[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*")
_DAY = 24 * 3600 * 1000
_RETENTION = {Audience.PUBLIC: 30 * _DAY, Audience.RESTRICTED: 7 * _DAY}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be. The number of partitions never changes: keys would move."""

    name: str
    retention_ms: int


def topics_of_contracts() -> list[Topic]:
    """Both topics of every service that publishes, whether or not it has events for both yet."""
    producers = sorted({event.producer for event in all_event_types()})
    return [
        Topic(f"viceversa.{producer}{infix}.v1", _RETENTION[audience])
        for producer in producers
        for audience, infix in ((Audience.PUBLIC, ""), (Audience.RESTRICTED, ".restricted"))
    ]


async def create_topics(kafka: str, *, replication_factor: int = 1) -> list[str]:
    """Create the topics that are missing; returns their names. Existing ones are left as they are.

    Raises:
        PlatformRefused: no Kafka answers there, it refuses, or a topic exists with another number of partitions.
    """
    if not _ADDRESSES.fullmatch(kafka):
        raise PlatformRefused(f"{kafka!r} is no address of a Kafka; give host:port, or several with commas between")
    wanted = topics_of_contracts()
    async with administration(kafka) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in wanted if topic.name not in existing]
        if missing:
            response = await admin.create_topics(
                [
                    NewTopic(
                        topic.name,
                        PARTITIONS,
                        replication_factor,
                        topic_configs={"cleanup.policy": "delete", "retention.ms": str(topic.retention_ms)},
                    )
                    for topic in missing
                ]
            )
            _check_created(kafka, response.topic_errors)
        kept = [topic.name for topic in wanted if topic.name in existing]
        if kept:
            _check_partitions(await admin.describe_topics(kept))
    return [topic.name for topic in missing]


@asynccontextmanager
async def administration(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that may ask and change what a Kafka has. Its errors are a PlatformRefused."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        raise PlatformRefused(
            f"Kafka at {kafka} does not answer as it should ({error}); is it up, and is that its address?"
        ) from error
    finally:
        await admin.close()


def _check_created(kafka: str, errors: list[tuple[str, int, str | None]]) -> None:
    for name, code, message in errors:
        error = for_code(code)
        # Another start may have created it in between.
        if code != 0 and error is not TopicAlreadyExistsError:
            raise PlatformRefused(f"Kafka at {kafka} did not create the topic {name}: {message or error.__name__}")


def _check_partitions(descriptions: list[dict[str, object]]) -> None:
    for description in descriptions:
        partitions = description["partitions"]
        count = len(partitions) if isinstance(partitions, list) else 0
        if count != PARTITIONS:
            raise PlatformRefused(
                f"the topic {description['topic']} has {count} partitions instead of {PARTITIONS}, perhaps because it "
                "was created automatically; delete it, and `viceversa topics create` makes it as it should be"
            )
