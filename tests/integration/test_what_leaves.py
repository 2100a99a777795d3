"""The seam of every service: which private event becomes which contract, and that nothing sealed slips through it."""

from collections.abc import Callable, Iterator
from importlib import import_module
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest

from events.contracts.registry import Audience, PublishedEvent, all_event_types
from events.runtime.private_events import Event, Recorded

SERVICES = ("enrollment", "matching", "sessions", "feedback")


def publications(service: str) -> Iterator[tuple[type[Event], Callable[[Recorded[Any]], Any], type[PublishedEvent]]]:
    for private, functions in import_module(f"{service}.publish").PUBLICATIONS.items():
        for function in functions:
            told = get_type_hints(function)["return"]
            (contract,) = [each for each in get_args(told) or (told,) if each is not NoneType]
            yield private, function, contract


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_publishes_its_own_contracts_and_all_of_them(service):
    published = {contract for _, _, contract in publications(service)}
    assert published == {contract for contract in all_event_types() if contract.producer == service}


@pytest.mark.parametrize("service", SERVICES)
def test_a_private_event_makes_at_most_one_event_of_a_contract(service):
    made = [(private, contract) for private, _, contract in publications(service)]
    assert len(made) == len(set(made))


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_sealed_at_rest_is_in_no_public_event(service):
    for private, _, contract in publications(service):
        if contract.audience is Audience.PUBLIC:
            assert not private.personal.keys() & contract.model_fields.keys(), (private.type, contract.type)
