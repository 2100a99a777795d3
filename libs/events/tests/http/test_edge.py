import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, Depends, FastAPI, Response
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey
from pydantic import BaseModel, ConfigDict, Field
from structlog.testing import capture_logs

from events.contracts.authorization import TABLE, Relation
from events.runtime.database import create_pool
from events.runtime.http import Answer, Call, Edge, IfMatch, decode_cursor, encode_cursor
from events.runtime.http.answers import BadCursor
from events.runtime.http.application import Health, create_application
from events.runtime.http.edge import RouteWithoutRow
from events.runtime.private_events import EventTypes, UnknownEventType
from events.runtime.refusals import NotFound
from events.runtime.service import ServiceDefinition
from events.runtime.settings import ServiceSettings
from events.testing.counters import COUNTER, TYPES, increase
from events.testing.service import RunningService, running, settings_for

CANARY = "canary-4711@example.org"


class Increase(BaseModel):
    model_config = ConfigDict(extra="forbid")
    by: Annotated[int, Field(ge=1, le=100)]
    text: Annotated[str, Field(max_length=1000)] = ""


def routes(edge: Edge) -> APIRouter:
    router = APIRouter()

    @router.get("/counters/{counter}", **edge.action("me.read"))
    async def read(counter: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        version, state = await call.load(COUNTER.stream(counter))
        return call.reply(Answer({"value": state.value}, version=version))

    @router.post("/counters/{counter}", **edge.action("me.read"))
    async def change(
        counter: UUID, body: Increase, call: Annotated[Call, Depends(edge.call)], expected: IfMatch
    ) -> Response:
        command = increase(counter, body.by, limit=50, text=body.text, expected=expected)
        return await call.execute(
            command, lambda outcome: Answer({"counter": counter}, version=outcome.versions[counter])
        )

    @router.post("/once/{counter}", **edge.action("me.read"))
    async def once(counter: UUID, body: Increase, call: Annotated[Call, Depends(edge.call)]) -> Response:
        if repeated := await call.repeated():
            return repeated
        version, _ = await call.load(COUNTER.stream(counter))
        if version:
            raise NotFound
        return await call.execute(increase(counter, body.by), lambda _: Answer({"counter": counter}, status=201))

    @router.post("/guarded/{counter}", **edge.action("program.open"))
    async def guarded(counter: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        call.permit({Relation(role) for role in call.caller.roles})
        return await call.execute(increase(counter), lambda _: Answer({}))

    @router.get("/broken/{how}", **edge.action("me.read"))
    async def broken(how: str, call: Annotated[Call, Depends(edge.call)]) -> Response:
        raise {"mistake": LookupError, "database": ConnectionRefusedError, "newer": UnknownEventType}[how](CANARY)

    @router.post("/careless/{counter}", **edge.action("program.open"))
    async def careless(counter: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        return await call.execute(increase(counter), lambda _: Answer({}))

    return router


def definition() -> ServiceDefinition:
    return ServiceDefinition(
        name="test",
        events=EventTypes(list(TYPES)),
        publications={},
        routes=routes,
        migrations=Path(__file__).parent / "migrations",
        reactions={},
    )


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[RunningService]:
    async with running(definition(), ServiceSettings(**settings_for(database_url, tmp_path))) as service:
        yield service


def problem(answer) -> dict:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"].startswith("urn:problem-type:")
    assert body["status"] == answer.status_code
    assert body["title"]
    return body


async def test_a_change_answers_with_the_version_to_send_next(service: RunningService):
    counter, me = uuid4(), service.token()
    first = await service.client.post(f"/counters/{counter}", json={"by": 2}, headers=me | {"if-match": '"0"'})
    assert first.status_code == 200
    assert first.headers["etag"] == '"1"'
    read = await service.client.get(f"/counters/{counter}", headers=me)
    assert (read.json(), read.headers["etag"]) == ({"value": 2}, '"1"')


@pytest.mark.parametrize(
    ("if_match", "status"), [(None, 428), ('"7"', 412), ("7", 400), ('W/"0"', 400), ("*", 400), ('"0" ', 200)]
)
async def test_a_change_needs_the_version_that_was_read(service: RunningService, if_match: str | None, status: int):
    headers = service.token() | ({} if if_match is None else {"if-match": if_match})
    answer = await service.client.post(f"/counters/{uuid4()}", json={"by": 2}, headers=headers)
    assert answer.status_code == status
    if status != 200:
        problem(answer)


async def test_a_refusal_is_a_problem_document_with_a_stable_type(service: RunningService):
    answer = await service.client.post(
        f"/counters/{uuid4()}", json={"by": 51}, headers=service.token() | {"if-match": '"0"'}
    )
    assert answer.status_code == 409
    assert problem(answer)["type"] == "urn:problem-type:too-much"


async def test_what_does_not_fit_is_named_and_not_repeated(service: RunningService):
    answer = await service.client.post(
        f"/counters/{uuid4()}",
        json={"by": "canary-4711", "colour": "canary-4712"},
        headers=service.token() | {"if-match": '"0"'},
    )
    assert answer.status_code == 422
    assert {error["where"] for error in problem(answer)["errors"]} == {"body.by", "body.colour"}
    assert "canary" not in answer.text


async def test_a_repeated_request_gets_the_same_answer_and_has_one_effect(service: RunningService):
    counter = uuid4()
    headers = service.token(uuid4()) | {"if-match": '"0"', "idempotency-key": "k"}
    answers = [await service.client.post(f"/counters/{counter}", json={"by": 2}, headers=headers) for _ in range(3)]
    assert {(answer.status_code, answer.text, answer.headers["etag"]) for answer in answers} == {
        (200, json.dumps({"counter": str(counter)}, separators=(",", ":")), '"1"')
    }
    read = await service.client.get(f"/counters/{counter}", headers=service.token())
    assert read.json() == {"value": 2}


async def test_a_repeat_is_answered_before_anything_is_looked_at(service: RunningService):
    counter = uuid4()
    headers = service.token(uuid4()) | {"idempotency-key": "k"}
    first = await service.client.post(f"/once/{counter}", json={"by": 2}, headers=headers)
    again = await service.client.post(f"/once/{counter}", json={"by": 2}, headers=headers)
    other = await service.client.post(f"/once/{counter}", json={"by": 3}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()


async def test_repeats_at_the_same_time_have_one_effect(service: RunningService):
    counter = uuid4()
    headers = service.token(uuid4()) | {"if-match": '"0"', "idempotency-key": "k"}
    answers = await asyncio.gather(
        *(service.client.post(f"/counters/{counter}", json={"by": 2}, headers=headers) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    read = await service.client.get(f"/counters/{counter}", headers=service.token())
    assert read.json() == {"value": 2}


async def test_a_key_used_for_another_body_is_refused(service: RunningService):
    counter = uuid4()
    headers = service.token(uuid4()) | {"if-match": '"0"', "idempotency-key": "k"}
    await service.client.post(f"/counters/{counter}", json={"by": 2}, headers=headers)
    answer = await service.client.post(f"/counters/{counter}", json={"by": 3}, headers=headers)
    assert answer.status_code == 422
    assert problem(answer)["type"] == "urn:problem-type:idempotency-key-reused"


async def test_what_a_caller_may_not_do_does_not_exist(service: RunningService):
    refused = await service.client.post(f"/guarded/{uuid4()}", headers=service.token(roles=["operator"]))
    allowed = await service.client.post(f"/guarded/{uuid4()}", headers=service.token(roles=["administrator"]))
    assert (refused.status_code, allowed.status_code) == (404, 200)


async def test_a_route_that_forgets_to_ask_the_table_fails_closed(service: RunningService):
    counter = uuid4()
    answer = await service.client.post(f"/careless/{counter}", headers=service.token(roles=["administrator"]))
    assert answer.status_code == 500
    read = await service.client.get(f"/counters/{counter}", headers=service.token())
    assert read.json() == {"value": 0}


def forged(service: RunningService, **changed) -> dict[str, str]:
    claims = {"iss": "http://issuer.test", "aud": "test", "sub": str(uuid4()), "exp": 4_102_444_800} | changed
    key = service._key
    return {
        "authorization": "Bearer " + jwt.encode({"alg": "Ed25519", "kid": "test"}, claims, key, algorithms=["Ed25519"])
    }


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"aud": "another"}, {"iss": "http://another"}, {"sub": "no uuid"}, {"sub": None}, {"exp": None}],
    ids=str,
)
async def test_a_token_with_a_wrong_claim_is_refused(service: RunningService, claims: dict):
    answer = await service.client.get(f"/counters/{uuid4()}", headers=forged(service, **claims))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    problem(answer)


async def test_forged_tokens_are_refused(service: RunningService):
    claims = {"iss": "http://issuer.test", "aud": "test", "sub": str(uuid4()), "exp": 4_102_444_800}
    public = service._key.as_pem(private=False)

    def part(value: dict) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    another = jwt.encode(
        {"alg": "Ed25519", "kid": "test"}, claims, OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"]
    )
    curve = jwt.encode({"alg": "ES256", "kid": "test"}, claims, ECKey.generate_key("P-256"), algorithms=["ES256"])
    confused = jwt.encode(
        {"alg": "HS256", "kid": "test"}, claims, OctKey.import_key(base64.b64encode(public)), algorithms=["HS256"]
    )
    unsigned = f"{part({'alg': 'none'})}.{part(claims)}."
    for token in [another, curve, confused, unsigned, "x", "a.b.c", "", "x" * 100_000]:
        answer = await service.client.get(f"/counters/{uuid4()}", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401, token[:40]


async def test_a_body_above_the_limit_is_refused_before_it_is_read(service: RunningService):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    headers = service.token() | {"if-match": '"0"', "content-type": "application/json"}
    streamed = await service.client.post(f"/counters/{uuid4()}", content=endless(), headers=headers)
    announced = await service.client.post(f"/counters/{uuid4()}", content=b"x" * 2_000_000, headers=headers)
    assert (streamed.status_code, announced.status_code) == (413, 413)
    problem(streamed)
    problem(announced)


@pytest.mark.parametrize("body", [b"[" * 10_000, b'{"by": ' * 5_000, b"\xff\xfe", b"null", b'{"by": 1e400}', b""])
async def test_json_that_is_no_request_is_refused(service: RunningService, body: bytes):
    headers = service.token() | {"if-match": '"0"', "content-type": "application/json"}
    answer = await service.client.post(f"/counters/{uuid4()}", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    problem(answer)


async def test_unknown_paths_and_methods_are_problems_too(service: RunningService):
    nowhere = await service.client.get("/nowhere")
    wrong = await service.client.delete(f"/counters/{uuid4()}")
    assert (problem(nowhere)["status"], problem(wrong)["status"]) == (404, 405)


async def test_what_broke_is_logged_under_the_trace_that_the_caller_is_told_and_quoted_to_nobody(
    service: RunningService,
):
    sent = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    with capture_logs() as logs:
        answer = await service.client.get("/broken/mistake", headers=service.token() | sent)
    (line,) = logs
    assert (problem(answer)["status"], line["event"]) == (500, "a request failed")
    assert problem(answer)["trace"] == "ab" * 16
    assert CANARY not in answer.text


@pytest.mark.parametrize("how", ["database", "newer"])
async def test_what_passes_by_itself_is_no_mistake_and_says_when_to_come_again(service: RunningService, how: str):
    answer = await service.client.get(f"/broken/{how}", headers=service.token())
    assert (problem(answer)["status"], answer.headers["retry-after"]) == (503, "1")
    assert CANARY not in answer.text


@pytest.mark.parametrize(("roles", "missing"), [("api", []), ("relay", ["broker"]), ("consumer", ["broker"])])
async def test_a_process_whose_roles_need_a_broker_that_is_away_is_not_ready(
    database_url: str, tmp_path: Path, roles: str, missing: list[str]
):
    settings = settings_for(database_url, tmp_path, roles=roles, kafka_bootstrap_servers="127.0.0.1:1")
    async with running(definition(), ServiceSettings(**settings)) as service:
        answer = await service.client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503 if missing else 200, missing)


async def test_a_process_whose_database_is_away_is_not_ready(service: RunningService, monkeypatch: pytest.MonkeyPatch):
    away = create_pool("postgresql://nobody@127.0.0.1:1/nothing", name="away", size=1)
    monkeypatch.setattr(service.service, "read_pool", away)
    answer = await service.client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["database"])


async def test_health_needs_no_token_and_schemas_are_public(service: RunningService):
    assert (await service.client.get("/livez")).status_code == 200
    assert (await service.client.get("/readyz")).json()["ready"] is True
    schema = await service.client.get("/v1/schemas/viceversa.PairCreated.v1")
    assert schema.json()["title"] == "PairCreated"
    assert (await service.client.get("/v1/schemas/viceversa.Nothing.v1")).status_code == 404


async def test_only_an_operator_turns_the_clock_and_only_forward(service: RunningService):
    now = service.service.clock.now()
    operator = service.token(roles=["operator"])
    turned = await service.client.put(
        "/v1/clock", json={"now": (now + timedelta(days=30)).isoformat()}, headers=operator
    )
    assert turned.status_code == 200
    assert service.service.clock.now() - now > timedelta(days=29)
    back = await service.client.put("/v1/clock", json={"now": now.isoformat()}, headers=operator)
    other = await service.client.put(
        "/v1/clock", json={"now": (now + timedelta(days=60)).isoformat()}, headers=service.token()
    )
    far = await service.client.put("/v1/clock", json={"now": "9999-12-31T23:59:59Z"}, headers=operator)
    assert (back.status_code, other.status_code, far.status_code) == (422, 404, 422)


async def test_a_route_without_a_row_fails_at_start(service: RunningService):
    def unlisted(edge: Edge) -> APIRouter:
        router = APIRouter()

        @router.get("/unlisted", **edge.action("nobody.knows"))
        async def unlisted() -> Response:
            return Response()

        return router

    def anonymous(edge: Edge) -> APIRouter:
        router = APIRouter()

        @router.get("/anonymous", **edge.action("program.open"))
        async def anonymous() -> Response:
            return Response()

        return router

    assert "nobody.knows" not in TABLE
    for made in (unlisted, anonymous):
        with pytest.raises(RouteWithoutRow):
            application(service, made)


def application(service: RunningService, made) -> FastAPI:
    edge = Edge(
        table=TABLE,
        authenticator=None,
        commands=service.service.commands,
        codec=service.service.codec,
        pool=service.service.read_pool,
        clock=service.service.clock,
    )
    return create_application("test", edge, made, Health(service.service.readiness), lambda: None)


@pytest.mark.parametrize("cursor", ["%%%", "bm8", "e30", "A" * 1001, base64.b64encode(b"[" * 370).decode()])
def test_a_cursor_of_somebody_elses_making_is_refused(cursor: str):
    with pytest.raises(BadCursor):
        decode_cursor(cursor)


def test_a_cursor_leads_back_to_its_place():
    assert decode_cursor(encode_cursor("a", 7)) == ("a", 7)
    assert decode_cursor(None) is None
