"""Published contracts cannot be taken back: what is committed here is what subscribers have been promised."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from events.contracts import enrollment, feedback, matching, routes, sessions
from events.contracts.enrollment import EnrollmentPublic, ParticipantEnrolled
from events.contracts.kinds import Kind, SubjectId
from events.contracts.registry import Audience, PublishedEvent, all_event_types

SCHEMAS = Path(__file__).parents[2] / "schemas"
PRODUCERS = {module.__name__.rpartition(".")[2] for module in (enrollment, matching, sessions, feedback)}
PUBLISHED = [contract for contract in all_event_types() if contract.producer in PRODUCERS]


def kind_of(contract: type[PublishedEvent], field: str) -> Kind:
    return next(mark for mark in contract.model_fields[field].metadata if isinstance(mark, Kind))


@pytest.mark.parametrize("contract", PUBLISHED, ids=lambda contract: contract.type)
def test_the_schema_of_every_contract_is_the_committed_one(contract: type[PublishedEvent]):
    committed = json.loads((SCHEMAS / f"{contract.type}.json").read_text())
    assert contract.model_json_schema() == committed


def test_no_committed_contract_has_gone():
    assert {path.stem for path in SCHEMAS.glob("*.json")} == {contract.type for contract in PUBLISHED}


@pytest.mark.parametrize("contract", PUBLISHED, ids=lambda contract: contract.type)
def test_a_public_event_has_no_field_of_a_restricted_kind(contract: type[PublishedEvent]):
    if contract.audience is Audience.PUBLIC:
        assert all(kind_of(contract, field).public for field in contract.model_fields)
    assert contract.topic().endswith(".restricted.v1") == (contract.audience is Audience.RESTRICTED)


def test_a_public_event_with_a_restricted_field_cannot_even_be_defined():
    with pytest.raises(TypeError, match="may not be public"):

        class SubjectSeen(EnrollmentPublic):
            type: ClassVar[str] = "viceversa.SubjectSeen.v1"
            subject: SubjectId


def test_a_field_without_a_kind_cannot_be_defined():
    with pytest.raises(TypeError, match="exactly one kind"):

        class NoteWritten(EnrollmentPublic):
            type: ClassVar[str] = "viceversa.NoteWritten.v1"
            note: str


def test_two_contracts_cannot_have_one_name():
    with pytest.raises(TypeError, match="defined twice"):

        class Again(EnrollmentPublic):
            type: ClassVar[str] = ParticipantEnrolled.type


@pytest.mark.parametrize("contract", PUBLISHED, ids=lambda contract: contract.type)
def test_a_reader_tolerates_fields_that_it_does_not_know(contract: type[PublishedEvent]):
    event = example(contract)
    newer = event.model_dump(mode="json") | {"added_later": {"deep": [1]}}
    assert contract.model_validate_json(json.dumps(newer)) == event


@given(st.uuids())
def test_a_republished_event_has_the_same_id_and_each_type_its_own(private: UUID):
    ids = {contract.event_id(private) for contract in PUBLISHED}
    assert ids == {contract.event_id(private) for contract in PUBLISHED}
    assert len(ids) == len(PUBLISHED)


def test_every_contract_has_its_row_in_the_route_table():
    assert [route.event for route in routes.ROUTES if route.event in PUBLISHED] != []
    assert {route.event for route in routes.ROUTES} == set(PUBLISHED)


def example(contract: type[PublishedEvent]) -> PublishedEvent:
    """Some event of a contract, from nothing but its fields' types."""
    values: Mapping[str, Any] = {
        name: _value(Annotated[(field.annotation, *field.metadata)])
        for name, field in contract.model_fields.items()
        if field.is_required()
    }
    return contract.model_validate(values)


def _value(annotation: Any) -> Any:
    samples = [
        "2026-03-01",
        "2026-03-01T09:00:00Z",
        "mentor",
        "accepted",
        str(uuid4()),
        1,
        7,
        1.5,
        [],
        {"python": 3},
        ["a"],
    ]
    for sample in ["a name", *samples]:
        try:
            TypeAdapter(annotation).validate_python(sample, strict=False)
        except ValueError:
            continue
        return sample
    raise AssertionError(f"no sample fits {annotation}")
