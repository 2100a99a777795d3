"""The demo's callers, against services that a test plays."""

import asyncio
import json
import sys
from collections import Counter
from contextlib import suppress

import httpx
import pytest

from viceversa import client
from viceversa.client import Platform, Refused, for_each


class Services:
    """Answers like the identity provider and one service; `replies` are used up by requests to the service."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.requests = []
        self.sign_ins = Counter()

    async def __call__(self, request):
        if request.url.path == "/token":
            person = json.loads(request.content)
            self.sign_ins[person["external_id"]] += 1
            return httpx.Response(200, json={"token": f"badge of {person['external_id']} {person['roles']}"})
        if request.url.path == "/v1/token":
            form = dict(httpx.QueryParams(request.content.decode()))
            assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
            return httpx.Response(200, json={"access_token": f"for {form['subject_token']}", "expires_in": 600})
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def platform(self):
        urls = {service: f"http://{service}" for service in client.SERVICES}
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return Platform(urls, "http://identity", http)


def thing(version, **body):
    return httpx.Response(200, json=body, headers={"etag": f'"{version}"'})


def problem(status, title="No"):
    return httpx.Response(
        status, json={"title": title, "detail": "It is so."}, headers={"content-type": "application/problem+json"}
    )


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(client, "PAUSE_S", 0)


async def test_a_caller_exchanges_their_badge_once_for_all_requests():
    services = Services(thing(1), thing(1), thing(1))
    caller = services.platform().caller("e-1", "operator")

    await asyncio.gather(*(caller.get("matching", "/v1/me/pairs") for _ in range(3)))

    assert services.sign_ins == {"e-1": 1}
    assert {request.headers["authorization"] for request in services.requests} == {
        "Bearer for badge of e-1 ['operator']"
    }


async def test_a_change_sends_the_etag_that_was_read_and_a_key():
    services = Services(thing(4), thing(5, state="signed"))
    caller = services.platform().caller("e-1")

    reply = await caller.change("sessions", "/v1/engagements/7", "agreement/sign")

    read, change = services.requests
    assert (read.method, read.url.path) == ("GET", "/v1/engagements/7")
    assert (change.method, change.url.path) == ("POST", "/v1/engagements/7/agreement/sign")
    assert change.headers["if-match"] == '"4"'
    assert change.headers["idempotency-key"]
    assert (reply.body, reply.version) == ({"state": "signed"}, 5)


async def test_a_change_reads_again_when_somebody_else_was_quicker():
    services = Services(thing(4), problem(412), thing(5), thing(6))

    await services.platform().caller("e-1").change("sessions", "/v1/engagements/7", "agreement/sign")

    first, second = (request for request in services.requests if request.method == "POST")
    assert (first.headers["if-match"], second.headers["if-match"]) == ('"4"', '"5"')
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


async def test_a_request_whose_fate_is_unknown_is_repeated_with_the_same_key():
    services = Services(httpx.ReadError("gone"), problem(503), thing(1))

    await services.platform().caller("e-1").post("feedback", "/v1/pairs/7/rematch-requests", {})

    assert len(services.requests) == 3
    assert len({request.headers["idempotency-key"] for request in services.requests}) == 1


async def test_a_refusal_is_raised_with_its_problem_and_not_repeated():
    services = Services(problem(409, "You have answered"))

    with pytest.raises(Refused, match="You have answered") as refused:
        await services.platform().caller("e-1").post("feedback", "/v1/sheets/7/answers", {})

    assert refused.value.status == 409
    assert len(services.requests) == 1


async def test_a_list_is_read_to_its_last_page():
    services = Services(thing(1, items=[{"n": 1}, {"n": 2}], next="abc"), thing(1, items=[{"n": 3}], next=None))

    items = [item async for item in services.platform().caller("hr").pages("enrollment", "/v1/programs/7/participants")]

    assert [item["n"] for item in items] == [1, 2, 3]
    assert services.requests[1].url.params["cursor"] == "abc"


async def test_what_holds_up_a_partition_is_told_with_its_service():
    standing = httpx.Response(
        200,
        json={
            "stopped_partitions": [{"consumer": "reactor", "topic": "t", "partition": 3, "why": "ValueError: no"}],
            "dead_letters": {"membership": 2},
        },
    )
    fine = httpx.Response(200, json={"stopped_partitions": []})
    services = Services(fine, standing, httpx.Response(503, json={"stopped_partitions": []}), fine)

    found = await services.platform().standing()

    assert found.ready == ["enrollment", "matching", "feedback"]
    assert found.dead_letters == ["matching reactor at t 3: ValueError: no", "matching membership: 2 dead letters"]


async def test_everything_is_worked_on_once_and_only_so_much_at_a_time():
    running, most, seen = 0, 0, []

    async def work(number):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        seen.append(number)

    steps = []
    await for_each(range(200), work, lambda: steps.append(1))

    assert sorted(seen) == list(range(200))
    assert len(steps) == 200
    assert most == client.AT_ONCE


async def test_a_failure_stops_the_rest():
    seen = []

    async def work(number):
        seen.append(number)
        if number == 3:
            raise ValueError(number)
        await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup):
        await for_each(range(1_000), work, lambda: None)

    assert len(seen) <= client.AT_ONCE + 1


async def test_a_request_looks_for_no_module_that_is_absent(monkeypatch):
    absent = []
    hung_up = asyncio.Event()

    class LastFinder:
        @staticmethod
        def find_spec(name, *_):
            absent.append(name)

    async def answer(reader, writer):
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(trust_env=False) as http:
            platform = Platform({"matching": url}, url, http)
            await platform.request("GET", "matching", "/first", {})
            monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, LastFinder])
            await platform.request("GET", "matching", "/second", {})
        await hung_up.wait()

    assert absent == []
