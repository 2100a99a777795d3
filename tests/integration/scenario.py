"""A small program brought to life by the public HTTP APIs, so that a test can begin where it gets interesting."""

import csv
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from events.testing import eventually
from viceversa.client import Caller, Platform, Refused, now

T = TypeVar("T")

COLUMNS = (
    "external_id", "given_name", "family_name", "email", "role", "grade", "unit", "location", "country", "region",
    "time_zone", "working_hours", "languages", "manager_id", "capacity", "offers", "seeks", "identity", "identity_wish",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    id: str
    mentor: str
    mentee: str


@dataclass
class Program:
    """A program of one test: its people are known by external ids that no other test uses."""

    platform: Platform
    id: str
    administrator: Caller
    coordinator: Caller
    token: str
    participants: dict[str, str] = field(default_factory=dict)
    """External id by participant."""

    def caller(self, participant: str) -> Caller:
        return self.platform.caller(self.participants[participant])

    def person(self, role: str, number: int, **changed: str) -> dict[str, str]:
        """A row of the sign-up file. Mentor and mentee of one number offer exactly what the other seeks."""
        mentor = role == "mentor"
        taught, learnt = f"craft {number}:4", f"wisdom {number}:4"
        return dict.fromkeys(COLUMNS, "") | {
            "external_id": f"{self.token}-{role}-{number}",
            "given_name": "Kim",
            "family_name": f"Number {number}",
            "email": f"{role}.{number}@{self.token}.example",
            "role": role,
            "grade": "1" if mentor else "6",
            "unit": "Sales" if mentor else "Board",
            "location": "Berlin",
            "country": "DE",
            "region": "EMEA",
            "time_zone": "Europe/Berlin",
            "working_hours": "09:00-17:30",
            "languages": "de;en",
            "capacity": "1",
            "offers": taught if mentor else learnt,
            "seeks": learnt if mentor else taught,
            **changed,
        }

    async def take_in(self, people: list[dict[str, str]]) -> None:
        """Import them, and wait for nothing more."""
        file = io.StringIO()
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(people)
        path = f"/v1/programs/{self.id}/imports"
        report = (await self.administrator.upload("enrollment", path, file.getvalue().encode())).body
        assert report["enrolled"] == len(people), report

    async def sign_up(self, people: list[dict[str, str]]) -> None:
        """Import them, and wait until matching has them all in its pool."""
        await self.take_in(people)
        async for person in self.coordinator.pages("enrollment", f"/v1/programs/{self.id}/participants"):
            self.participants[person["participant"]] = person["external_id"]
        mentors = sum(name.startswith(f"{self.token}-mentor-") for name in self.participants.values())

        async def all_in_the_pool() -> None:
            pool = await permitted(lambda: self.coordinator.get("matching", f"/v1/programs/{self.id}/pool"))
            assert (pool.body["mentors"], pool.body["mentees"]) == (mentors, len(self.participants) - mentors)

        await eventually(all_in_the_pool)

    async def propose(self) -> list[Pair]:
        """Run a round and publish it."""
        path = f"/v1/programs/{self.id}/rounds"
        policy = {"policy": {"minimum_grade_gap": 2, "minimum_overlap_hours": 2, "prefer": "coverage"}}
        draft = (await self.coordinator.post("matching", path, policy)).body
        seen = (await self.coordinator.get("matching", f"/v1/rounds/{draft['round']}")).body
        await self.coordinator.change("matching", f"/v1/rounds/{draft['round']}", "publish")
        return [Pair(p["pair"], p["mentor"], p["mentee"]) for p in seen["proposals"]]

    async def answer(self, pair: Pair, participant: str, **answer: str) -> None:
        path = f"/v1/proposals/{pair.id}"
        caller = self.caller(participant)
        await eventually(lambda: permitted(lambda: caller.change("matching", path, "answer", answer)))

    async def pair_up(self) -> list[Pair]:
        """A round that everybody accepts; waits until sessions knows the pairs."""
        pairs = await self.propose()
        for pair in pairs:
            await self.answer(pair, pair.mentor, answer="accepted")
            await self.answer(pair, pair.mentee, answer="accepted")
            await eventually(lambda pair=pair: permitted(lambda: self.engagement(pair)))
        return pairs

    async def engagement(self, pair: Pair) -> dict[str, Any]:
        return (await self.caller(pair.mentor).get("sessions", f"/v1/engagements/{pair.id}")).body

    async def agree(self, pair: Pair, *goals: str, when_it_does_not_work: str = "We say so.") -> None:
        path = f"/v1/engagements/{pair.id}"
        agreement = {
            "goals": list(goals or ("Learn from one another",)),
            "cadence_days": 30,
            "confidentiality": True,
            "when_it_does_not_work": when_it_does_not_work,
        }
        await self.caller(pair.mentor).change("sessions", path, "agreement", agreement)
        await self.caller(pair.mentee).change("sessions", f"{path}", "agreement/sign")

    async def plan(self, pair: Pair, by: str, *, days: int) -> str:
        starts_at = await now(self.administrator) + timedelta(days=days)
        plan = {"starts_at": starts_at.isoformat(), "minutes": 45}
        path = f"/v1/engagements/{pair.id}"
        return (await self.caller(by).change("sessions", path, "sessions", plan)).body["session"]

    async def withdraw(self, participant: str) -> None:
        await self.caller(participant).change("enrollment", f"/v1/participants/{participant}", "withdraw")


async def open_program(platform: Platform) -> Program:
    """A program that takes sign-ups, with a coordinator."""
    token = uuid4().hex[:8]
    administrator = platform.caller(f"{token}-administrator", "administrator")
    today = (await now(administrator)).date()
    made = await administrator.post(
        "enrollment",
        "/v1/programs",
        {
            "name": f"Program {token}",
            "regions": ["EMEA", "APAC"],
            "starts_on": today.isoformat(),
            "ends_on": (today + timedelta(days=300)).isoformat(),
            "grade_ladder": [f"Grade {number}" for number in range(1, 9)],
            "dividing_grade": 4,
        },
    )
    path = f"/v1/programs/{made.body['program']}"
    coordinator = {"external_id": f"{token}-coordinator", "regions": ["EMEA", "APAC"]}
    await administrator.post("enrollment", f"{path}/coordinators", coordinator)
    await administrator.change("enrollment", path, "open")
    return Program(platform, made.body["program"], administrator, platform.caller(f"{token}-coordinator"), token)


async def permitted(request: Callable[[], Awaitable[T]]) -> T:
    """What was answered; a refusal is something that may yet change, because the services learn from one another."""
    try:
        return await request()
    except Refused as refused:
        raise AssertionError(str(refused)) from refused
