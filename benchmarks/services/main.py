"""Wiring. `python -m benchmarks.services.main <service>` runs one service as a process."""

import sys
from pathlib import Path

from fastapi import APIRouter

from benchmarks.services import api
from benchmarks.services.domain import METERING_EVENTS
from benchmarks.services.projections import FROM_TOPICS
from benchmarks.services.publish import PUBLICATIONS
from events.runtime.http import Edge
from events.runtime.private_events import EventTypes
from events.runtime.process import serve
from events.runtime.service import ServiceDefinition
from events.runtime.settings import ServiceSettings

MIGRATIONS = Path(__file__).parent / "migrations"


def metering(_: ServiceSettings) -> ServiceDefinition:
    """Takes commands over HTTP and publishes."""
    return ServiceDefinition(
        name="metering",
        events=EventTypes(METERING_EVENTS),
        publications=PUBLICATIONS,
        routes=api.routes,
        migrations=MIGRATIONS,
        reactions={},
    )


def reporting(_: ServiceSettings) -> ServiceDefinition:
    """Projects what metering publishes."""
    return ServiceDefinition(
        name="reporting",
        events=EventTypes(()),
        publications={},
        routes=_no_routes,
        migrations=MIGRATIONS,
        reactions={},
        topic_projections=FROM_TOPICS,
    )


def _no_routes(_: Edge) -> APIRouter:
    return APIRouter()


if __name__ == "__main__":
    service = {"metering": metering, "reporting": reporting}[sys.argv.pop()]
    serve(service, ServiceSettings)
