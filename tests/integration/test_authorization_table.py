"""Every route of every running service, for every kind of caller: the authorization table is what really happens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from events.contracts.authorization import TABLE, Relation
from events.testing import eventually
from integration.processes import Platform
from integration.scenario import Pair, Program, open_program, permitted
from viceversa.client import Platform as Apis

NOT_SEEN = (401, 404)
STALE = '"99999"'
"""No stream has come that far: whoever is allowed a change gets 412, and nothing changes."""

THINGS = ("program", "participant", "round", "pair", "session", "sheet", "name", "consumer", "event", "projection")

PERSON = {
    "given_name": "Kim",
    "family_name": "Number",
    "email": "kim@example.org",
    "role": "mentor",
    "grade": 1,
    "region": "EMEA",
    "time_zone": "Europe/Berlin",
    "languages": "en",
    "offers": "chess",
    "seeks": "law",
}
BODIES: Mapping[str, Any] = {
    "clock.turn": {"now": "2000-01-01T00:00:00Z"},
    "program.create": {
        "name": "Another",
        "regions": ["EMEA"],
        "starts_on": "2030-01-01",
        "ends_on": "2030-12-01",
        "dividing_grade": 3,
    },
    "coordinator.assign": {"external_id": "somebody-nobody-knows", "regions": ["EMEA"]},
    "participant.enroll": PERSON | {"external_id": "somebody-else"},
    "round.run": {"policy": {}},
    "proposal.answer": {"answer": "accepted"},
    "agreement.propose": {
        "goals": ["Learn"],
        "cadence_days": 30,
        "confidentiality": True,
        "when_it_does_not_work": "We say so.",
    },
    "session.plan": {"starts_at": "2030-01-01T09:00:00Z", "minutes": 45},
    "session.log": {"held_at": "2020-01-01T09:00:00Z", "minutes": 45, "taught": {"mentor": [], "mentee": []}},
    "sheet.answer": {"ratings": {}},
    "rematch.request": {},
}


@dataclass(frozen=True)
class Route:
    service: str
    method: str
    path: str
    action: str


@dataclass(frozen=True)
class Somebody:
    name: str
    relations: frozenset[Relation]
    headers: Mapping[str, str]

    def may(self, route: Route) -> bool:
        row, relations = TABLE[route.action], self.relations
        if route.action == "participant.enroll":
            row -= {Relation.ANYONE}  # anyone for oneself: the walk enrolls somebody else
        if Relation.OWN_PAIR in relations and "{pair}" in route.path:
            relations |= {Relation.SELF}  # a pair is its two sides' own
        return Relation.PUBLIC in row or bool(row & relations)


@dataclass(frozen=True)
class World:
    """One thing of every kind, and everybody who could ask for it."""

    things: Mapping[str, str]
    everybody: tuple[Somebody, ...]


@pytest.fixture
async def world(apis: Apis, program: Program) -> World:
    await program.sign_up([program.person(role, n) for role in ("mentor", "mentee") for n in (1, 2)])
    drafted = await program.coordinator.post("matching", f"/v1/programs/{program.id}/rounds", {"policy": {}})
    round_id = drafted.body["round"]
    proposals = (await program.coordinator.get("matching", f"/v1/rounds/{round_id}")).body["proposals"]
    await program.coordinator.change("matching", f"/v1/rounds/{round_id}", "publish")
    pair = Pair(proposals[0]["pair"], proposals[0]["mentor"], proposals[0]["mentee"])
    for participant in (pair.mentor, pair.mentee):
        await program.answer(pair, participant, answer="accepted")
    await eventually(lambda: permitted(lambda: program.engagement(pair)))
    await program.agree(pair)
    session = await program.plan(pair, pair.mentor, days=2)

    async def baseline() -> str:
        sheets = await permitted(lambda: program.caller(pair.mentor).get("feedback", "/v1/me/sheets"))
        assert sheets.body["items"]
        return sheets.body["items"][0]["sheet"]

    sheet = await eventually(baseline)

    async def partner_is_known() -> None:
        asked = {"participants": [pair.mentor]}
        assert (await program.caller(pair.mentee).post("enrollment", "/v1/names", asked)).body["names"]

    await eventually(partner_is_known)
    elsewhere = await open_program(apis)

    async def somebody(name: str, external_id: str, *relations: Relation, roles: tuple[str, ...] = ()) -> Somebody:
        token, _ = await apis.sign_in(external_id, roles)
        return Somebody(name, frozenset({Relation.ANYONE, *relations}), {"authorization": f"Bearer {token}"})

    unrelated = f"{program.token}-unrelated"
    coordinators = f"{program.token}-coordinator", f"{elsewhere.token}-coordinator"
    return World(
        things={
            "program": program.id,
            "participant": pair.mentor,
            "round": round_id,
            "pair": pair.id,
            "session": session,
            "sheet": sheet,
            "name": "viceversa.PairCreated.v1",
            "consumer": "membership",
            "event": str(uuid4()),
            "projection": "none of these",
        },
        everybody=(
            Somebody("without a token", frozenset(), {}),
            Somebody("with a token of their own making", frozenset(), {"authorization": "Bearer e30.e30.e30"}),
            await somebody("a stranger", unrelated),
            await somebody("the participant", program.participants[pair.mentor], Relation.SELF),
            await somebody("the participant's partner", program.participants[pair.mentee], Relation.OWN_PAIR),
            await somebody("a coordinator", coordinators[0], Relation.COORDINATOR),
            await somebody("a coordinator of another program", coordinators[1]),
            await somebody("an administrator", unrelated, Relation.ADMINISTRATOR, roles=("administrator",)),
            await somebody("an operator", unrelated, Relation.OPERATOR, roles=("operator",)),
            await somebody("an auditor", unrelated, Relation.AUDITOR, roles=("auditor",)),
        ),
    )


async def routes_of(platform: Platform, http: httpx.AsyncClient) -> list[Route]:
    """What the services say of themselves."""
    found = []
    for service, url in platform.urls.items():
        described = (await http.get(f"{url}/openapi.json")).json()
        for path, operations in described["paths"].items():
            found += [
                Route(service, method.upper(), path, operation["x-action"]) for method, operation in operations.items()
            ]
    return found


async def ask(http: httpx.AsyncClient, url: str, route: Route, world: World, who: Somebody) -> httpx.Response:
    headers = {**who.headers}
    if route.method == "POST":
        headers["if-match"] = STALE
    target = f"{url}{route.path.format(**world.things)}"
    if route.action == "participants.import":
        return await http.request(route.method, target, headers=headers | {"content-type": "text/csv"}, content=b"")
    if route.action == "names.read":
        return await http.request(
            route.method, target, headers=headers, json={"participants": [world.things["participant"]]}
        )
    return await http.request(route.method, target, headers=headers, json=BODIES.get(route.action))


def was_seen(route: Route, answer: httpx.Response) -> bool:
    if route.action == "names.read" and answer.is_success:
        return bool(answer.json()["names"])
    if route.action.startswith("dead_letter."):
        # Nothing is dead here; whoever may retry or discard is told that, and not that there is nothing for them.
        return answer.status_code == 404 and answer.json()["type"] == "urn:problem-type:no-such-dead-letter"
    if route.action.startswith("projection."):
        # There is none of that name; whoever may rebuild is told that.
        return answer.status_code == 404 and answer.json()["type"] == "urn:problem-type:no-such-projection"
    return answer.status_code not in NOT_SEEN


async def test_every_route_answers_exactly_those_whom_the_table_names(platform: Platform, world: World):
    wrong = []
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        routes = await routes_of(platform, http)
        for route in routes:
            for who in world.everybody:
                answer = await ask(http, platform.urls[route.service], route, world, who)
                assert answer.status_code < 500, (route, who.name, answer.text)
                if was_seen(route, answer) is not who.may(route):
                    wrong.append(f"{who.name}: {route.method} {route.path} ({route.action}) → {answer.status_code}")
    assert wrong == []
    assert {route.action for route in routes} == set(TABLE)


async def test_what_one_may_not_see_looks_like_what_does_not_exist(platform: Platform, world: World):
    stranger = next(who for who in world.everybody if who.name == "a stranger")
    nothing = World(dict.fromkeys(THINGS, str(uuid4())), ())
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        for route in await routes_of(platform, http):
            if "{" not in route.path or stranger.may(route) or route.action == "schema.read":
                continue
            url = platform.urls[route.service]
            hidden, absent = [await ask(http, url, route, each, stranger) for each in (world, nothing)]
            assert hidden.status_code == absent.status_code == 404, route
            assert _without_trace(hidden) == _without_trace(absent), route


async def test_without_a_token_one_is_asked_for_one(platform: Platform):
    nobody = Somebody("without a token", frozenset(), {})
    world = World(dict.fromkeys(THINGS, str(uuid4())), ())
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        for route in await routes_of(platform, http):
            if not nobody.may(route):
                answer = await ask(http, platform.urls[route.service], route, world, nobody)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), route


def _without_trace(answer: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "trace"}
