"""The topics of Kafka follow the contracts."""

from events.contracts.registry import all_event_types
from viceversa.platform.topics import topics_of_contracts

DAY_MS = 24 * 3600 * 1000


def test_every_published_event_has_its_topic():
    names = {topic.name for topic in topics_of_contracts()}
    assert {event.topic() for event in all_event_types()} <= names


def test_every_service_has_a_public_topic_of_30_days_and_a_restricted_one_of_7():
    kept = {topic.name: topic.retention_ms / DAY_MS for topic in topics_of_contracts()}
    services = ("enrollment", "matching", "sessions", "feedback")
    public = {f"viceversa.{service}.v1": 30 for service in services}
    restricted = {f"viceversa.{service}.restricted.v1": 7 for service in services}
    assert kept == public | restricted
