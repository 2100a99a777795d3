"""An operator sees what could not be applied, tries it again or gives it up; nobody else knows that it is there."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter

from events.contracts.enrollment import ParticipantLinked
from events.contracts.sessions import AgreementSigned, SessionLogged
from events.runtime.consumer import Consumer
from events.runtime.private_events import EventTypes
from events.runtime.service import ServiceDefinition
from events.runtime.settings import ServiceSettings
from events.runtime.streams import Command
from events.testing.counters import COUNTER, NOW, TYPES, Increased, TooMuch, increase
from events.testing.records import Topic, deliver
from events.testing.service import RunningService, running, settings_for

CURED: set[UUID] = set()


def unless_cured(received) -> Command:
    stream = COUNTER.stream(received.key)

    def decide(_):
        if received.key not in CURED:
            raise TooMuch
        return [(stream, Increased(by=1))]

    return Command((stream,), decide, NOW)


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[RunningService]:
    definition = ServiceDefinition(
        name="test",
        events=EventTypes(list(TYPES)),
        publications={},
        routes=lambda _: APIRouter(),
        migrations=Path(__file__).parent / "migrations",
        reactions={
            AgreementSigned: lambda received: increase(received.event.pair),
            SessionLogged: unless_cured,
            ParticipantLinked: unless_cured,
        },
    )
    async with running(definition, ServiceSettings(**settings_for(database_url, tmp_path))) as service:
        yield service


def reactor(service: RunningService) -> Consumer:
    (consumer,) = service.service.consumers
    return consumer


def witness(topic: Topic):
    return topic.record(AgreementSigned(pair=uuid4(), program=uuid4()))


async def listed(service: RunningService, query: str = "") -> dict:
    answer = await service.client.get(f"/v1/dead-letters{query}", headers=service.token(roles=["operator"]))
    assert answer.status_code == 200
    return answer.json()


async def test_an_operator_sees_why_retries_in_vain_and_then_with_success(service: RunningService):
    topic, pair = Topic(), uuid4()
    event = SessionLogged(pair=pair, program=uuid4(), number=1, minutes=45)
    await deliver(reactor(service), [topic.record(event, key=pair), witness(topic), topic.record(event, key=pair)])
    (letter,) = (await listed(service))["items"]
    assert (letter["consumer"], letter["key"], letter["type"]) == ("reactor", str(pair), SessionLogged.type)
    assert (letter["tries"], letter["waiting_behind"]) == (1, 1)
    assert letter["reason"] == "TooMuch: The counter may not go that high"
    assert letter["payload"] == event.model_dump(mode="json")
    assert (await service.client.get("/readyz")).json()["dead_letters"] == {"reactor": 1}

    operator, path = service.token(roles=["operator"]), f"/v1/dead-letters/reactor/{letter['event']}"
    refused = await service.client.post(f"{path}/retry", headers=operator)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:problem-type:still-dead")
    assert refused.json()["detail"] == letter["reason"]

    CURED.add(pair)
    applied = await service.client.post(f"{path}/retry", headers=operator)
    assert (applied.status_code, applied.json()["outcome"]) == (200, "applied")
    assert await listed(service) == {"items": [], "next": None}
    gone = await service.client.post(f"{path}/retry", headers=operator)
    assert (gone.status_code, gone.json()["type"]) == (404, "urn:problem-type:no-such-dead-letter")


async def test_what_is_given_up_is_gone_from_the_list(service: RunningService):
    topic = Topic()
    await deliver(reactor(service), [topic.record(b"broken"), witness(topic)])
    (letter,) = (await listed(service))["items"]
    assert letter["payload"] is None
    path = f"/v1/dead-letters/reactor/{letter['event']}/discard"
    discarded = await service.client.post(path, headers=service.token(roles=["operator"]))
    assert (discarded.status_code, discarded.json()["outcome"]) == (200, "discarded")
    assert (await listed(service))["items"] == []
    assert (await service.client.get("/readyz")).json()["dead_letters"] == {}


async def test_the_payload_of_a_restricted_event_is_masked(service: RunningService):
    topic, subject = Topic(), uuid4()
    linked = ParticipantLinked(participant=uuid4(), program=uuid4(), subject=subject)
    await deliver(reactor(service), [topic.record(linked), witness(topic)])
    page = await listed(service)
    (letter,) = page["items"]
    assert (letter["type"], letter["payload"]) == (ParticipantLinked.type, None)
    assert str(subject) not in str(page)


async def test_the_list_comes_page_by_page(service: RunningService):
    topic = Topic()
    await deliver(reactor(service), [*(topic.record(b"broken") for _ in range(5)), witness(topic)])
    seen, cursor = [], ""
    while cursor is not None:
        page = await listed(service, f"?limit=2{cursor and f'&cursor={cursor}'}")
        assert len(page["items"]) <= 2
        seen += [letter["event"] for letter in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 5
    odd = await service.client.get("/v1/dead-letters?cursor=WzFd", headers=service.token(roles=["operator"]))
    assert odd.status_code == 400


@pytest.mark.parametrize("roles", [[], ["administrator"], ["auditor"]])
async def test_for_anybody_else_there_is_nothing(service: RunningService, roles: list[str]):
    topic = Topic()
    await deliver(reactor(service), [topic.record(b"broken"), witness(topic)])
    (letter,) = (await listed(service))["items"]
    path, somebody = f"/v1/dead-letters/reactor/{letter['event']}", service.token(roles=roles)
    answers = [
        await service.client.get("/v1/dead-letters", headers=somebody),
        await service.client.post(f"{path}/retry", headers=somebody),
        await service.client.post(f"{path}/discard", headers=somebody),
    ]
    assert {(answer.status_code, answer.json()["type"]) for answer in answers} == {(404, "urn:problem-type:not-found")}
    assert len((await listed(service))["items"]) == 1


async def test_a_consumer_that_does_not_exist_has_no_dead_letters(service: RunningService):
    operator = service.token(roles=["operator"])
    answer = await service.client.post(f"/v1/dead-letters/nobody/{uuid4()}/retry", headers=operator)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem-type:no-such-dead-letter")
