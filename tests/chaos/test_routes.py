"""What the checker was told of events and tables is what the services do; it never asks them in a campaign."""

from importlib import import_module
from types import NoneType
from typing import get_args, get_type_hints

import pytest

from chaos.checker import routes
from chaos.checker.projections import FOLDS
from events.contracts.registry import Audience, all_event_types
from events.contracts.routes import ROUTES
from events.membership import tables as membership_tables


@pytest.mark.parametrize("service", routes.SERVICES)
def test_what_a_service_publishes_is_what_the_checker_expects(service: str):
    published = {}
    for private, functions in import_module(f"{service}.publish").PUBLICATIONS.items():
        told = [get_type_hints(function)["return"] for function in functions]
        contracts = [
            routes.contract_of(each.type) for hint in told for each in get_args(hint) or (hint,) if each is not NoneType
        ]
        published[service, private.type] = tuple(contracts)
    assert published == {key: value for key, value in routes.PUBLISHED.items() if key[0] == service}


def test_who_hears_what_is_what_the_route_table_says():
    heard = {routes.contract_of(route.event.type): set(route.groups) for route in ROUTES if route.groups}
    assert heard == {contract: set(groups) for contract, groups in routes.HEARD.items()}


def test_what_is_restricted_is_what_the_contracts_say():
    restricted = {routes.contract_of(each.type) for each in all_event_types() if each.audience is Audience.RESTRICTED}
    assert restricted == routes.RESTRICTED


@pytest.mark.parametrize("service", routes.SERVICES)
def test_every_table_of_a_projection_is_folded_again(service: str):
    projections = import_module(f"{service}.projections")
    tables = set(projections.metadata.tables)
    if any(projection.name == "membership" for projection in projections.FROM_TOPICS):
        tables |= set(membership_tables.metadata.tables)
    assert tables == {table for owner, table in FOLDS if owner == service}
