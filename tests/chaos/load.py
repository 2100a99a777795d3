"""What people do while faults happen: sign up, change, leave; are matched and answer; plan, hold and cancel sessions.

Everything goes by the public HTTP APIs. What they choose follows from the seed; when, from the machine.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from chaos.clients import Clients
from chaos.ground import Ground
from chaos.journal import TOLD, Effect, Outcome
from integration.scenario import Pair, Program, open_program
from viceversa.client import Platform as Apis
from viceversa.client import Refused, now, turn_clock

_FIRST_PAIRS = 8
_LEARNT = timedelta(days=200)
"""How long before the campaign its pairs agreed: there is room for the sessions that they log."""


@dataclass
class Load:
    """People and what they know."""

    clients: Clients
    program: Program
    ground: Ground
    dice: random.Random
    pairs: list[Pair]
    agreed_at: datetime
    pause: tuple[float, float]
    enrolled: dict[str, str] = field(default_factory=dict)
    """External id by participant, of those who signed up since the beginning."""
    _held: dict[str, int] = field(default_factory=dict)
    _newcomers: int = 100

    async def run(self, ended: asyncio.Event) -> None:
        """Go on until the event is set."""
        actors = [self._meet] * 4 + [self._sign_up] * 2
        actors += [self._change, self._leave, self._match, self._say_how_it_was, self._part]
        async with asyncio.TaskGroup() as group:
            for actor in actors:
                group.create_task(self._repeat(actor, ended))

    async def _repeat(self, actor: Callable[[], Awaitable[None]], ended: asyncio.Event) -> None:
        while not ended.is_set():
            try:
                await actor()
            except (httpx.TransportError, Refused):
                await asyncio.sleep(0.2)  # nobody can sign in now
            await asyncio.sleep(self.dice.uniform(*self.pause))

    async def _meet(self) -> None:
        """Plan a session, or hold or cancel one that is planned."""
        pair = self.dice.choice(self.pairs)
        side = self.dice.choice((pair.mentor, pair.mentee))
        who = self._name(side)
        path = f"/v1/engagements/{pair.id}"
        seen = await self.clients.look(who, "sessions", path)
        if seen is None or seen.body["state"] != "active":
            return
        planned = [each["session"] for each in seen.body["sessions"] if each["state"] == "planned"]
        signed = (seen.body["agreement"] or {}).get("state") == "signed"
        if planned and (len(planned) > 20 or self.dice.random() < 0.5):
            session = self.dice.choice(planned)
            if signed and self.dice.random() < 0.8:
                await self._log(who, pair, session, seen.version)
            else:
                effect = Effect("sessions", "SessionCancelled", {"session": session})
                await self.clients.ask(
                    "cancel", who, f"{path}/sessions/{session}/cancel", effect, body={}, if_match=seen.version
                )
            return
        starts_at = self.agreed_at + _LEARNT + timedelta(days=1, seconds=self.dice.randrange(300 * 86_400))
        plan = {"starts_at": starts_at.isoformat(), "minutes": 45}
        effect = Effect("sessions", "SessionPlanned", {"stream": pair.id, "starts_at": _z(starts_at)})
        await self.clients.ask("plan", who, f"{path}/sessions", effect, body=plan, if_match=seen.version)

    async def _log(self, who: str, pair: Pair, session: str, version: int | None) -> None:
        number = self._held[pair.id] = self._held.get(pair.id, 0) + 1
        held_at = self.agreed_at + timedelta(minutes=10 * number)
        body = {"held_at": held_at.isoformat(), "minutes": 5, "taught": {"mentor": ["craft"], "mentee": ["wisdom"]}}
        effect = Effect("sessions", "SessionLogged", {"session": session})
        path = f"/v1/engagements/{pair.id}/sessions/{session}/log"
        await self.clients.ask("log", who, path, effect, body=body, if_match=version)

    async def _sign_up(self) -> None:
        self._newcomers += 1
        role = self.dice.choice(("mentor", "mentee"))
        await self._give_profile(self.program.person(role, self._newcomers), "enroll")

    async def _change(self) -> None:
        """Somebody who signed up moves to another unit."""
        if self.enrolled:
            external_id = self.dice.choice(list(self.enrolled.values()))
            role, number = external_id.split("-")[1:]
            await self._give_profile(self.program.person(role, int(number)), "change")

    async def _give_profile(self, person: dict[str, str], name: str) -> None:
        """The unit is new each time, so that it shows which command it was: the store seals it, the topic tells it."""
        person["unit"] = uuid4().hex
        body = {column: value for column, value in person.items() if value}
        effect = Effect("enrollment", f"{TOLD}WorkProfileSet", {"unit": person["unit"]})
        path = f"/v1/programs/{self.program.id}/participants"
        reply = await self.clients.ask(name, f"{self.program.token}-administrator", path, effect, body=body)
        if reply is not None:
            self.enrolled[reply.body["participant"]] = person["external_id"]
            self.program.participants[reply.body["participant"]] = person["external_id"]
            self.ground.keys.append(("enrollment", reply.body["participant"]))

    async def _leave(self) -> None:
        """Now and then somebody who signed up leaves."""
        await asyncio.sleep(self.dice.uniform(0.5, 2.0))
        if len(self.enrolled) > 4:
            participant = self.dice.choice(list(self.enrolled))
            path = f"/v1/participants/{participant}"
            seen = await self.clients.look(self.enrolled[participant], "enrollment", path)
            if seen is not None:
                effect = Effect("enrollment", "ParticipantWithdrew", {"stream": participant})
                who = self.enrolled[participant]
                if await self.clients.ask("withdraw", who, f"{path}/withdraw", effect, if_match=seen.version):
                    self.enrolled.pop(participant, None)

    async def _match(self) -> None:
        """A round over those who signed up meanwhile; everybody who hears of a proposal says yes."""
        await asyncio.sleep(self.dice.uniform(1.0, 3.0))
        coordinator = f"{self.program.token}-coordinator"
        path = f"/v1/programs/{self.program.id}/rounds"
        policy = {"policy": {"minimum_grade_gap": 2, "minimum_overlap_hours": 2, "prefer": "coverage"}}
        drafted = Effect("matching", "RoundDrafted", {"program": self.program.id})
        draft = await self.clients.ask("draft", coordinator, path, drafted, body=policy)
        if draft is None:
            return
        path = f"/v1/rounds/{draft.body['round']}"
        seen = await self.clients.look(coordinator, "matching", path)
        if seen is None:
            return
        published = Effect("matching", "RoundPublished", {"round": draft.body["round"]})
        if await self.clients.ask("publish", coordinator, f"{path}/publish", published, if_match=seen.version):
            for proposal in seen.body["proposals"]:
                await self._accept(proposal)

    async def _accept(self, proposal: dict[str, Any]) -> None:
        path = f"/v1/proposals/{proposal['pair']}"
        for role in ("mentor", "mentee"):
            who = self.program.participants.get(proposal[role])
            if who is None:  # nobody heard that their sign-up had gone through
                return
            seen = await self.clients.look(who, "matching", path)
            if seen is None:
                return
            effect = Effect("matching", "ProposalAnswered", {"pair": proposal["pair"], "by": role})
            answer = {"answer": "accepted"}
            if not await self.clients.ask("answer", who, f"{path}/answer", effect, body=answer, if_match=seen.version):
                return
        self.ground.keys.append(("matching", proposal["pair"]))
        self.pairs.append(Pair(proposal["pair"], proposal["mentor"], proposal["mentee"]))

    async def _say_how_it_was(self) -> None:
        """Answer a sheet that is open."""
        pair = self.dice.choice(self.pairs)
        who = self._name(self.dice.choice((pair.mentor, pair.mentee)))
        seen = await self.clients.look(who, "feedback", "/v1/me/sheets")
        waiting = [sheet for sheet in seen.body["items"] if sheet["state"] == "open"] if seen is not None else []
        if waiting:
            sheet = self.dice.choice(waiting)
            effect = Effect("feedback", "SheetAnswered", {"stream": sheet["sheet"]})
            path = f"/v1/sheets/{sheet['sheet']}/answers"
            ratings = {"ratings": {item["item"]: self.dice.randint(1, 5) for item in sheet["items"]}}
            await self.clients.ask("answer a sheet", who, path, effect, body=ratings, if_match=sheet["version"])

    async def _part(self) -> None:
        """Now and then somebody asks for another match: their pair ends when the hour is full."""
        await asyncio.sleep(self.dice.uniform(2.0, 6.0))
        if len(self.pairs) > _FIRST_PAIRS // 2:
            pair = self.dice.choice(self.pairs)
            participant = self.dice.choice((pair.mentor, pair.mentee))
            effect = Effect("feedback", "RematchAsked", {"pair": pair.id, "participant": participant})
            path = f"/v1/pairs/{pair.id}/rematch-requests"
            await self.clients.ask("ask for another match", self._name(participant), path, effect, body={})

    def _name(self, participant: str) -> str:
        return self.program.participants[participant]


async def prepare(ground: Ground, http: httpx.AsyncClient, seed: int, pause: tuple[float, float]) -> Load:
    """A program with pairs that agreed long ago, before anything goes wrong."""
    platform = ground.platform
    apis = Apis(platform.urls, platform.identity_provider, http)
    program = await open_program(apis)
    numbers = range(1, _FIRST_PAIRS + 1)
    await program.sign_up([program.person(role, number) for role in ("mentor", "mentee") for number in numbers])
    # The only effect of these commands that one of the load names as well: unwritten, it would pass for one too many.
    drafted = ground.journal.asked("draft", Effect("matching", "RoundDrafted", {"program": program.id}))
    pairs = await program.pair_up()
    ground.journal.ended(drafted, Outcome.OK)
    for pair in pairs:
        await program.agree(pair)
    operator = apis.caller(f"{program.token}-operator", "operator")
    agreed_at = await now(operator)
    await turn_clock(operator, agreed_at + _LEARNT)
    ground.keys += [("matching", pair.id) for pair in pairs]
    roles = {f"{program.token}-{role}": role for role in ("administrator", "operator")}
    clients = Clients(apis, platform.urls, http, ground.journal, random.Random(seed), roles)
    ground.sign = lambda: clients.token(f"{program.token}-operator")
    return Load(clients, program, ground, random.Random(seed + 1), list(pairs), agreed_at, pause)


async def pass_an_hour(load: Load) -> None:
    """Turn the platform's clock, so that whatever time makes due is done before the checker looks."""
    operator = load.clients.apis.caller(f"{load.program.token}-operator", "operator")
    await turn_clock(operator, await now(operator) + timedelta(hours=1, minutes=1))


def _z(moment: datetime) -> str:
    """As the stores write it."""
    return moment.isoformat().replace("+00:00", "Z")
