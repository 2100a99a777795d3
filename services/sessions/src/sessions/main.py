"""The only wiring of sessions."""

from pathlib import Path

from events.runtime.private_events import EventTypes
from events.runtime.process import serve
from events.runtime.service import ServiceDefinition
from sessions import api, domain
from sessions.projections import FROM_STORE, FROM_TOPICS
from sessions.publish import PUBLICATIONS
from sessions.settings import Settings
from sessions.subscribers import REACTIONS

MIGRATIONS = Path(__file__).parent / "migrations"


def definition(_: Settings) -> ServiceDefinition:
    """Everything that makes the runtime the sessions service."""
    return ServiceDefinition(
        name="sessions",
        events=EventTypes(domain.EVENTS),
        publications=PUBLICATIONS,
        reactions=REACTIONS,
        store_projections=FROM_STORE,
        topic_projections=FROM_TOPICS,
        due=(),
        routes=api.routes,
        migrations=MIGRATIONS,
    )


def main() -> None:
    """Run the service."""
    serve(definition, Settings)


if __name__ == "__main__":
    main()
