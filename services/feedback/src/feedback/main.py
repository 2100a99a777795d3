"""The only wiring of feedback."""

from pathlib import Path

from events.runtime.private_events import EventTypes
from events.runtime.process import serve
from events.runtime.service import ServiceDefinition
from feedback import api, domain
from feedback.clock import DUE
from feedback.projections import FROM_STORE, FROM_TOPICS
from feedback.publish import PUBLICATIONS
from feedback.settings import Settings
from feedback.subscribers import REACTIONS


def definition(_: Settings) -> ServiceDefinition:
    """Everything that makes the runtime the feedback service."""
    return ServiceDefinition(
        name="feedback",
        events=EventTypes(domain.EVENTS),
        publications=PUBLICATIONS,
        reactions=REACTIONS,
        store_projections=FROM_STORE,
        topic_projections=FROM_TOPICS,
        due=DUE,
        routes=api.routes,
        migrations=Path(__file__).parent / "migrations",
    )


def main() -> None:
    """Run the service."""
    serve(definition, Settings)


if __name__ == "__main__":
    main()
