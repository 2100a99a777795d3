"""What was ever written can still be read: one golden JSON a version, kept for ever."""

import json
from pathlib import Path

import pytest

from enrollment.domain import EVENTS
from events.runtime.private_events import EventTypes

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
TYPES = EventTypes(EVENTS)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_stored_event_reads_as_it_was_written(path):
    name, version = path.stem.split(".")
    stored = path.read_bytes()

    event = TYPES.read(name, int(version), stored)

    if int(version) == event.schema_version:
        assert json.loads(event.model_dump_json()) == json.loads(stored)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_stored_event_reads_without_what_was_erased(path):
    name, version = path.stem.split(".")
    erased = json.loads(path.read_text()) | dict.fromkeys(TYPES[name].personal)

    event = TYPES.read(name, int(version), json.dumps(erased).encode())

    assert all(getattr(event, field) is None for field in event.personal)


def test_every_version_has_its_golden_json():
    written = {(event.type, version) for event in TYPES for version in range(1, event.schema_version + 1)}
    assert {(name, int(version)) for name, version in (path.stem.split(".") for path in GOLDEN)} == written
