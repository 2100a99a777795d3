"""What `docs/operations.md` and `docs/privacy.md` say of the code is so."""

from importlib import import_module
from pathlib import Path

import pytest

from events.contracts.registry import Audience, all_event_types
from events.runtime.settings import ALL_ROLES

DOCS = Path(__file__).parents[2] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text()
PRIVACY = (DOCS / "privacy.md").read_text()
SERVICES = ("enrollment", "matching", "sessions", "feedback")


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_a_service_is_explained(service):
    for setting in import_module(f"{service}.settings").Settings.model_fields:
        assert f"`{setting.upper()}`" in OPERATIONS


def test_every_role_is_explained():
    for role in ALL_ROLES:
        assert f"| `{role}` |" in OPERATIONS


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_with_a_sealed_field_has_its_row(service):
    for event in import_module(f"{service}.domain").EVENTS:
        if event.personal:
            assert f"`{event.type}" in PRIVACY, event.type


def test_what_every_public_event_says_of_people_is_told():
    for contract in all_event_types():
        if contract.audience is Audience.PUBLIC and contract.producer in SERVICES:
            assert f"`{contract.type.split('.')[1]}`" in PRIVACY
