"""`docs/flow.md` says what the code does: its table is held against the services, the route table and the wire."""

import re
from dataclasses import dataclass
from types import NoneType
from typing import get_args, get_type_hints

from events.contracts.registry import Audience, all_event_types
from events.contracts.routes import ROUTES
from events.runtime.service import ServiceDefinition
from events.testing import eventually
from integration.processes import ROOT, Platform
from integration.scenario import Program
from integration.topics import everything_told, nobody_is_behind

PAGE = (ROOT / "docs" / "flow.md").read_text()
_ROW = re.compile(
    r"^\| (?P<event>[A-Z]\w+) \| (?P<topic>viceversa\S+) \| (?P<key>[^|]+) \| (?P<heard>[^|]*) \|$", re.MULTILINE
)


@dataclass(frozen=True)
class Row:
    event: str
    topic: str
    key: str
    heard_by: tuple[str, ...]


def rows() -> dict[str, Row]:
    found = [
        Row(row["event"], row["topic"], row["key"], tuple(sorted(filter(None, row["heard"].strip("–").split(", ")))))
        for row in _ROW.finditer(PAGE.replace("`", ""))
    ]
    assert len({row.event for row in found}) == len(found), "an event has two rows"
    return {row.event: row for row in found}


def name_of(ce_type: str) -> str:
    return ce_type.split(".")[1]


def heard_by(definitions: dict[str, ServiceDefinition]) -> dict[str, tuple[str, ...]]:
    """Consumer groups by event, as the services subscribe."""
    groups: dict[str, list[str]] = {event.type: [] for event in all_event_types()}
    for service, definition in definitions.items():
        for event in definition.reactions:
            groups[event.type].append(f"{service}.reactor")
        for projection in definition.topic_projections:
            for event in projection.handles:
                groups[event.type].append(f"{service}.{projection.name}")
    return {name_of(event): tuple(sorted(names)) for event, names in groups.items()}


def test_the_table_names_every_event_its_topic_and_who_hears_it(definitions: dict[str, ServiceDefinition]) -> None:
    assert {name: row.heard_by for name, row in rows().items()} == heard_by(definitions)
    assert {row.event: row.topic for row in rows().values()} == {
        name_of(event.type): event.topic() for event in all_event_types()
    }


def test_the_route_table_that_relays_wait_by_is_the_same(definitions: dict[str, ServiceDefinition]) -> None:
    routes = {name_of(route.event.type): tuple(sorted(route.groups)) for route in ROUTES}
    assert len(routes) == len(ROUTES)
    assert routes == heard_by(definitions)


def test_every_event_is_published_by_its_producer_and_by_nobody_else(
    definitions: dict[str, ServiceDefinition],
) -> None:
    answers = [
        (get_type_hints(function)["return"], service)
        for service, definition in definitions.items()
        for functions in definition.publications.values()
        for function in functions
    ]
    # Some answer nothing when there is nothing to tell.
    published = [
        (event, service)
        for answer, service in answers
        for event in get_args(answer) or [answer]
        if event is not NoneType
    ]
    assert set(published) == {(event, event.producer) for event in all_event_types()}


def test_the_table_tells_public_from_restricted() -> None:
    restricted = {row.event for row in rows().values() if ".restricted." in row.topic}
    assert restricted == {name_of(e.type) for e in all_event_types() if e.audience is Audience.RESTRICTED}


def test_every_file_that_the_page_leads_to_is_there() -> None:
    links = re.findall(r"\]\((\.\./[^)#]+)", PAGE)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


async def test_on_the_wire_every_key_is_what_the_table_says(platform: Platform, program: Program) -> None:
    await program.sign_up([program.person("mentor", number) for number in (1, 2)] + [program.person("mentee", 1)])
    (pair,) = await program.pair_up()
    await program.agree(pair)
    await program.plan(pair, pair.mentor, days=3)
    await program.withdraw(pair.mentee)

    async def all_of_it_was_told() -> None:
        await nobody_is_behind(platform.servers.kafka)
        told = {event.name for event in await everything_told(platform.servers.kafka)}
        assert told >= {
            "ProgramOpened",
            "CoordinatorAssigned",
            "ParticipantEnrolled",
            "ParticipantLinked",
            "MatchingProfileSet",
            "WorkProfileSet",
            "RoundPublished",
            "PairProposed",
            "ProposalAnswered",
            "PairCreated",
            "ParticipantUnmatched",
            "AgreementSigned",
            "SessionScheduled",
            "ParticipantWithdrawn",
            "SessionCancelled",
        }

    await eventually(all_of_it_was_told)
    known = rows()
    for event in await everything_told(platform.servers.kafka):
        row = known[event.name]
        assert event.topic == row.topic
        assert event.key.decode() == event["subject"] == event["partitionkey"]
        if row.key in event.data:
            assert event.data[row.key] == event.key.decode(), row
        else:
            # A key that is no field leads to nobody: no value of the event is it.
            assert row.key.startswith("an id of its own"), row
            assert event.key.decode() not in event.value.decode()
