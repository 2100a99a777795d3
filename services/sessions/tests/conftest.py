"""A running sessions service over a database of its own, and pairs that other services have told it of."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from events.contracts.enrollment import CoordinatorAssigned, ParticipantEnrolled, ParticipantLinked, ProgramOpened
from events.contracts.kinds import Role
from events.contracts.matching import PairCreated
from events.testing.service import RunningService, running, settings_for
from sessions.main import definition
from sessions.settings import Settings

REGIONS = {Role.MENTOR: "emea", Role.MENTEE: "apac"}


@dataclass
class Pair:
    """A pair and the two people in it, as the service came to know them."""

    service: RunningService
    program: UUID
    id: UUID
    participants: Mapping[Role, UUID]
    subjects: Mapping[Role, UUID]

    @property
    def path(self) -> str:
        return f"/v1/engagements/{self.id}"

    @property
    def created(self) -> PairCreated:
        return PairCreated(
            pair=self.id,
            program=self.program,
            mentor=self.participants[Role.MENTOR],
            mentee=self.participants[Role.MENTEE],
            mentor_region=REGIONS[Role.MENTOR],
            mentee_region=REGIONS[Role.MENTEE],
        )

    async def get(self, by: Role, path: str) -> httpx.Response:
        return await self.service.client.get(path, headers=self.service.token(self.subjects[by]))

    async def read(self) -> dict[str, Any]:
        answer = await self.get(Role.MENTOR, self.path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def change(
        self,
        by: Role,
        what: str,
        body: Mapping[str, Any] | None = None,
        *,
        etag: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Post, with the ETag of a moment ago unless the test has another one in mind."""
        etag = etag or (await self.get(by, self.path)).headers["etag"]
        everything = {**self.service.token(self.subjects[by]), "if-match": etag, **(headers or {})}
        return await self.service.client.post(f"{self.path}/{what}", json=body, headers=everything)

    async def agree(self) -> None:
        proposed = await self.change(Role.MENTOR, "agreement", AGREEMENT)
        assert proposed.status_code == 200, proposed.text
        signed = await self.change(Role.MENTEE, "agreement/sign")
        assert signed.status_code == 200, signed.text

    async def plan(self, after: timedelta = timedelta(days=7), minutes: int = 50) -> str:
        starts_at = self.service.service.clock.now() + after
        answer = await self.change(Role.MENTOR, "sessions", {"starts_at": starts_at.isoformat(), "minutes": minutes})
        assert answer.status_code == 201, answer.text
        session: str = answer.json()["session"]
        return session

    async def log(self, session: str, by: Role = Role.MENTOR) -> httpx.Response:
        held_at = self.service.service.clock.now() - timedelta(minutes=50)
        taught = {"mentor": ["short video"], "mentee": ["budgeting"]}
        return await self.change(
            by, f"sessions/{session}/log", {"held_at": held_at.isoformat(), "minutes": 50, "taught": taught}
        )


AGREEMENT = {
    "goals": ["Understand short video", "Say what juniors think"],
    "cadence_days": 30,
    "confidentiality": True,
    "when_it_does_not_work": "Say so in the next session",
}


@pytest_asyncio.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[RunningService]:
    settings = Settings(**settings_for(database_url, tmp_path))
    async with running(definition(settings), settings) as service:
        yield service


@pytest.fixture
def enroll(service: RunningService) -> Callable[..., Awaitable[Pair]]:
    """Two people of a program, known by their enrollment; not yet a pair."""

    async def enroll(program: UUID | None = None, mentor: tuple[UUID, UUID] | None = None) -> Pair:
        """`mentor` is (participant, subject) of one who is enrolled already."""
        program = program or uuid4()
        people = {role: (uuid4(), uuid4()) for role in Role}
        for role, (participant, subject) in people.items():
            await service.deliver(
                ParticipantEnrolled(participant=participant, program=program, region=REGIONS[role], role=role)
            )
            await service.deliver(ParticipantLinked(participant=participant, program=program, subject=subject))
        if mentor is not None:
            people[Role.MENTOR] = mentor
        return Pair(
            service,
            program,
            uuid4(),
            {role: participant for role, (participant, _) in people.items()},
            {role: subject for role, (_, subject) in people.items()},
        )

    return enroll


@pytest.fixture
def begin(service: RunningService, enroll: Callable[..., Awaitable[Pair]]) -> Callable[..., Awaitable[Pair]]:
    """A pair whose engagement has begun."""

    async def begin(program: UUID | None = None, mentor: tuple[UUID, UUID] | None = None) -> Pair:
        pair = await enroll(program, mentor)
        await service.deliver(pair.created)
        return pair

    return begin


@pytest.fixture
def open_program(service: RunningService) -> Callable[..., Awaitable[UUID]]:
    """A program that is open, and maybe somebody who coordinates a region of it."""

    async def open_program(coordinator: UUID | None = None, regions: tuple[str, ...] = ("emea",)) -> UUID:
        program = uuid4()
        await service.deliver(
            ProgramOpened(
                program=program,
                name="Spring",
                regions=("emea", "apac", "amer"),
                starts_on=datetime(2027, 1, 1, tzinfo=UTC).date(),
                ends_on=datetime(2027, 12, 31, tzinfo=UTC).date(),
                cadence_days=30,
                sessions_per_pair=2,
                rating_threshold=5,
                comment_threshold=10,
            )
        )
        if coordinator is not None:
            await service.deliver(CoordinatorAssigned(program=program, subject=coordinator, regions=regions))
        return program

    return open_program
