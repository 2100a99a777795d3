"""The only wiring of matching."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from events.runtime.encryption import read_key
from events.runtime.private_events import EventTypes
from events.runtime.process import serve
from events.runtime.service import ServiceDefinition
from matching import api, domain
from matching.clock import DUE
from matching.projections import FROM_STORE, FROM_TOPICS
from matching.publish import PUBLICATIONS
from matching.settings import Settings
from matching.subscribers import reactions
from matching.transport import opener


def definition(settings: Settings) -> ServiceDefinition:
    """Everything that makes the runtime the matching service."""
    # One thread: the solver lets go of the interpreter while it works; two rounds at once would take twice the memory.
    solver = ThreadPoolExecutor(max_workers=1, thread_name_prefix="round")
    return ServiceDefinition(
        name="matching",
        events=EventTypes(domain.EVENTS),
        publications=PUBLICATIONS,
        reactions=reactions(opener(read_key(settings.transport_key_file))),
        store_projections=FROM_STORE,
        topic_projections=FROM_TOPICS,
        due=DUE,
        routes=partial(api.routes, solver=solver),
        migrations=Path(__file__).parent / "migrations",
    )


def main() -> None:
    """Run the service."""
    serve(definition, Settings)


if __name__ == "__main__":
    main()
