"""The whole of matching over HTTP on a real PostgreSQL: from sign-ups to pairs, and back to the pool."""

import asyncio
import base64
import threading
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from events.contracts.enrollment import CoordinatorAssigned
from events.contracts.kinds import Role
from events.runtime import store
from events.testing.service import running, settings_for
from matching import commands
from matching.api import rounds
from matching.domain.ending import next_full_hour
from matching.main import definition
from matching.settings import Settings


@pytest.fixture
async def service(database_url, tmp_path):
    key = tmp_path / "transport"
    key.write_text(base64.b64encode(bytes(range(32))).decode())
    settings = Settings(**settings_for(database_url, tmp_path, transport_key_file=key))
    async with running(definition(settings), settings) as started:
        yield started


class Program:
    """Drives one program's people and coordinator."""

    def __init__(self, service, sample):
        self.service, self.sample, self.client = service, sample, service.client
        self.coordinator = uuid4()

    async def open(self, regions=("emea", "apac")):
        await self.service.deliver(self.sample.program_opened)
        await self.service.deliver(
            CoordinatorAssigned(program=self.sample.program, subject=self.coordinator, regions=regions)
        )

    async def join(self, role, **changes):
        events = self.sample.person(role, **changes)
        for event in events:
            await self.service.deliver(event)
        return self.sample.people[-1]

    async def call(self, method, path, subject=None, *, expected=None, json=None, **headers):
        subject = subject or self.coordinator
        sent = self.service.token(self.sample.subjects.get(subject, subject)) | headers
        if expected is not None:
            sent["if-match"] = expected
        return await self.client.request(method, path, headers=sent, json=json)

    async def get(self, path, subject=None):
        return await self.call("GET", path, subject)

    async def run_round(self, **policy):
        await self.service.settle()
        return await self.call("POST", f"/v1/programs/{self.sample.program}/rounds", json={"policy": policy})

    async def publish(self, answer):
        published = await self.call(
            "POST", f"/v1/rounds/{answer.json()['round']}/publish", expected=answer.headers["etag"]
        )
        assert published.status_code == 200, published.text
        await self.service.settle()
        return published

    async def answer(self, participant, given, **more):
        [waiting] = (await self.get("/v1/me/proposals", participant)).json()["items"]
        answered = await self.call(
            "POST",
            f"/v1/proposals/{waiting['pair']}/answer",
            participant,
            expected=f'"{waiting["version"]}"',
            json={"answer": given, **more},
        )
        assert answered.status_code == 200, answered.text
        await self.service.settle()
        return answered

    async def pool(self):
        await self.service.settle()
        return (await self.get(f"/v1/programs/{self.sample.program}/pool")).json()


@pytest.fixture
async def program(service, sample):
    started = Program(service, sample)
    await started.open()
    return started


@pytest.fixture
async def couple(program):
    return await program.join(Role.MENTOR), await program.join(Role.MENTEE)


@pytest.fixture
async def pair(program, couple):
    """Both accepted."""
    await program.publish(await program.run_round())
    await program.answer(couple[0], "accepted")
    return (await program.answer(couple[1], "accepted")).json()["pair"]


async def test_from_sign_up_to_pair(program, couple):
    mentor, mentee = couple
    assert await program.pool() == {"mentors": 1, "mentees": 1, "waiting": 2, "paired": 0}

    drafted = await program.run_round()
    assert drafted.status_code == 201
    body = drafted.json()
    assert (body["state"], body["number"], body["proposals"], body["unmatched"]) == ("draft", 1, 1, 0)
    assert body["bound"] == pytest.approx(body["value"])

    read = await program.get(drafted.headers["location"])
    [proposal] = read.json()["proposals"]
    assert (proposal["mentor"], proposal["mentee"]) == (str(mentor), str(mentee))
    assert sum(proposal["contributions"].values()) == pytest.approx(proposal["score"])
    assert proposal["score"] == pytest.approx(body["value"])
    assert "tiktok" in proposal["explanation"]
    assert (await program.get("/v1/me/proposals", mentor)).json() == {"items": []}

    assert (await program.publish(drafted)).json()["state"] == "published"
    assert (await program.get("/v1/me/proposals", mentee)).json() == {"items": []}
    assert (await program.answer(mentor, "accepted")).json()["state"] == "mentor_accepted"
    created = await program.answer(mentee, "accepted")
    assert created.json()["state"] == "created"

    assert await program.pool() == {"mentors": 1, "mentees": 1, "waiting": 0, "paired": 2}
    [mine] = (await program.get("/v1/me/pairs", mentee)).json()["items"]
    assert mine == {
        "pair": created.json()["pair"],
        "program": str(program.sample.program),
        "participant": str(mentee),
        "role": "mentee",
        "partner": str(mentor),
        "state": "created",
    }
    listed = (await program.get(f"/v1/programs/{program.sample.program}/pairs")).json()
    assert [each["pair"] for each in listed["items"]] == [created.json()["pair"]]


async def test_a_round_says_why_somebody_was_left_out_and_points_at_nobody(program, couple):
    for _ in range(6):
        await program.join(Role.MENTOR, grade=6)
    lonely = await program.join(Role.MENTEE)
    drafted = await program.run_round()
    read = (await program.get(drafted.headers["location"])).json()
    reasons = {each["participant"]: each["reasons"] for each in read["unmatched"]}
    left_out = next(iter({str(lonely), str(couple[1])} & reasons.keys()))
    counted = {reason["reason"]: reason["people"] for reason in reasons[left_out]}
    assert counted == {"grade_gap": 6, "other_wishes": None}


@pytest.mark.usefixtures("couple")
async def test_a_program_has_one_draft_at_a_time(program):
    first = await program.run_round()
    second = await program.run_round()
    assert (second.status_code, second.json()["round"]) == (409, first.json()["round"])
    discarded = await program.call("POST", f"{first.headers['location']}/discard", expected=first.headers["etag"])
    assert (discarded.status_code, discarded.json()["state"]) == (200, "discarded")
    assert (await program.run_round()).status_code == 201


@pytest.mark.usefixtures("couple")
async def test_a_repeated_request_runs_no_second_round(program):
    path, key = f"/v1/programs/{program.sample.program}/rounds", {"idempotency-key": str(uuid4())}
    first = await program.call("POST", path, json={}, **key)
    assert first.status_code == 201
    published = await program.publish(first)
    assert published.status_code == 200
    again = await program.call("POST", path, json={}, **key)
    assert (again.status_code, again.json()) == (201, first.json())


@pytest.mark.parametrize(
    "policy",
    [
        {"minimum_grade_gap": 0},
        {"weights": {"identity": 11}},
        {"prefer": "luck"},
        {"one_sided": "NaN"},
        {"colour": "red"},
    ],
)
@pytest.mark.usefixtures("couple")
async def test_a_policy_that_makes_no_sense_is_a_problem_and_no_round(program, policy):
    refused = await program.run_round(**policy)
    assert refused.status_code == 422
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert (await program.run_round()).json()["number"] == 1


@pytest.mark.usefixtures("couple")
async def test_regions_that_the_program_does_not_have_are_named(program):
    refused = await program.run_round(regions_may_meet=[["emea", "mars"]])
    assert refused.status_code == 422
    assert "mars" in refused.json()["detail"]


@pytest.mark.usefixtures("couple")
async def test_a_closed_program_runs_no_round(program):
    await program.service.deliver(program.sample.program_closed)
    assert (await program.run_round()).status_code == 409


async def test_everybody_forbidden_is_an_empty_draft_that_says_why(program):
    await program.join(Role.MENTOR, languages=("ja",))
    await program.join(Role.MENTEE, languages=("de",))
    drafted = await program.run_round()
    assert (drafted.status_code, drafted.json()["proposals"], drafted.json()["unmatched"]) == (201, 0, 2)
    read = (await program.get(drafted.headers["location"])).json()
    assert all(each["reasons"] for each in read["unmatched"])


async def test_a_mentor_may_offer_places_to_several(program):
    mentor = await program.join(Role.MENTOR, capacity=3)
    mentees = [await program.join(Role.MENTEE) for _ in range(3)]
    await program.publish(await program.run_round())
    waiting = (await program.get("/v1/me/proposals", mentor)).json()["items"]
    assert len(waiting) == len(mentees)


async def test_of_many_answers_at_once_each_counts_once_and_places_hold(program):
    mentor = await program.join(Role.MENTOR, capacity=3)
    mentees = [await program.join(Role.MENTEE) for _ in range(3)]
    await program.publish(await program.run_round())

    async def accept_all(participants):
        waiting = [
            (participant, item)
            for participant in participants
            for item in (await program.get("/v1/me/proposals", participant)).json()["items"]
        ]
        answered = await asyncio.gather(
            *(
                program.call(
                    "POST",
                    f"/v1/proposals/{item['pair']}/answer",
                    participant,
                    expected=f'"{item["version"]}"',
                    json={"answer": "accepted"},
                )
                for participant, item in waiting * 3
            )
        )
        await program.service.settle()
        return sorted(each.status_code for each in answered)

    assert await accept_all([mentor]) == [200] * 3 + [412] * 6
    assert await accept_all(mentees) == [200] * 3 + [412] * 6
    assert len((await program.get("/v1/me/pairs", mentor)).json()["items"]) == 3
    assert await program.pool() == {"mentors": 1, "mentees": 3, "waiting": 0, "paired": 4}


async def test_an_answer_and_a_departure_at_once_leave_nobody_held(program, couple):
    mentor, mentee = couple
    await program.publish(await program.run_round())
    await program.answer(mentor, "accepted")
    [waiting] = (await program.get("/v1/me/proposals", mentee)).json()["items"]
    answered, _ = await asyncio.gather(
        program.call(
            "POST",
            f"/v1/proposals/{waiting['pair']}/answer",
            mentee,
            expected=f'"{waiting["version"]}"',
            json={"answer": "accepted"},
        ),
        program.service.deliver(program.sample.withdrawn(mentor)),
    )
    assert answered.status_code in {200, 412}
    assert await program.pool() == {"mentors": 0, "mentees": 1, "waiting": 1, "paired": 0}


async def test_what_a_mentor_declined_does_not_exist_for_the_mentee(program, couple):
    mentor, mentee = couple
    await program.publish(await program.run_round())
    [waiting] = (await program.get("/v1/me/proposals", mentor)).json()["items"]
    path = f"/v1/proposals/{waiting['pair']}"
    assert (await program.get(path, mentee)).status_code == 404
    early = await program.call("POST", f"{path}/answer", mentee, expected='"1"', json={"answer": "accepted"})
    assert early.status_code == 404

    await program.answer(mentor, "declined", reason="we know each other")
    assert (await program.get(path, mentee)).status_code == 404
    assert "reason" not in (await program.get(path, mentor)).json()
    assert (await program.get(path)).json()["reason"] == "we know each other"
    assert (await program.get("/v1/me/pairs", mentee)).json() == {"items": []}
    assert (await program.run_round()).json()["proposals"] == 0


async def test_what_a_mentee_declined_looks_to_the_mentor_like_any_other_end(program, couple):
    mentor, mentee = couple
    await program.publish(await program.run_round())
    await program.answer(mentor, "accepted")
    pair = (await program.answer(mentee, "declined")).json()["pair"]
    assert (await program.get(f"/v1/proposals/{pair}", mentor)).json()["state"] == "closed"
    assert (await program.get(f"/v1/proposals/{pair}", mentee)).json()["state"] == "declined"
    assert (await program.get(f"/v1/proposals/{pair}")).json()["state"] == "declined"


async def test_an_answer_needs_the_version_that_was_read(program, couple):
    await program.publish(await program.run_round())
    [waiting] = (await program.get("/v1/me/proposals", couple[0])).json()["items"]
    path = f"/v1/proposals/{waiting['pair']}/answer"
    missing = await program.call("POST", path, couple[0], json={"answer": "accepted"})
    old = await program.call("POST", path, couple[0], expected='"9"', json={"answer": "accepted"})
    assert (missing.status_code, old.status_code) == (428, 412)


@pytest.mark.usefixtures("couple")
async def test_strangers_and_the_wrong_side_find_nothing(program, pair):
    stranger = await program.join(Role.MENTEE)
    for path in (
        f"/v1/pairs/{pair}",
        f"/v1/proposals/{pair}",
        f"/v1/programs/{program.sample.program}/pool",
        f"/v1/programs/{program.sample.program}/pairs",
    ):
        assert (await program.get(path, stranger)).status_code == 404
    refused = await program.call("POST", f"/v1/programs/{program.sample.program}/rounds", stranger, json={})
    assert refused.status_code == 404
    given = {"answer": "accepted"}
    by_coordinator = await program.call("POST", f"/v1/proposals/{pair}/answer", expected='"4"', json=given)
    assert by_coordinator.status_code == 404


async def test_a_coordinator_sees_the_pairs_and_people_of_their_regions_only(service, sample):
    program = Program(service, sample)
    await program.open(regions=("apac",))
    for region in ("emea", "apac"):
        await program.join(Role.MENTOR, region=region)
        await program.join(Role.MENTEE, region=region)
        await program.join(Role.MENTEE, region=region)
    drafted = await program.run_round(regions_may_meet=[])
    assert drafted.json()["proposals"] == 2
    read = (await program.get(drafted.headers["location"])).json()
    assert (len(read["proposals"]), len(read["unmatched"])) == (1, 1)
    everything = await program.client.get(drafted.headers["location"], headers=service.token(roles=["administrator"]))
    assert (len(everything.json()["proposals"]), len(everything.json()["unmatched"])) == (2, 2)


@pytest.mark.parametrize("roles", [(), ("administrator",)])
async def test_who_runs_a_round_and_takes_part_reads_nothing_about_themselves_in_the_draft(program, couple, roles):
    mentor = await program.join(Role.MENTOR)
    mentee = await program.join(Role.MENTEE, subject=program.coordinator)
    drafted = await program.run_round()
    assert drafted.json()["proposals"] == 2

    async def proposed_to(subject, *roles):
        headers = program.service.token(subject, roles=roles)
        read = (await program.client.get(drafted.headers["location"], headers=headers)).json()
        return {each["mentee"] for each in read["proposals"]}

    assert await proposed_to(uuid4(), "administrator") == {str(couple[1]), str(mentee)}
    assert await proposed_to(program.coordinator, *roles) == {str(couple[1])}
    of_a_mentor = await proposed_to(program.sample.subjects[mentor], "administrator")
    assert len(of_a_mentor) == 1


@pytest.mark.usefixtures("couple")
async def test_who_runs_a_round_and_is_left_out_reads_nothing_about_why(program):
    nobody_speaks = {"languages": ("ja",)}
    own = await program.join(Role.MENTEE, subject=program.coordinator, **nobody_speaks)
    other = await program.join(Role.MENTEE, **nobody_speaks)
    drafted = await program.run_round()

    async def left_out(headers):
        read = (await program.client.get(drafted.headers["location"], headers=headers)).json()
        return {each["participant"] for each in read["unmatched"]}

    assert await left_out(program.service.token(roles=["administrator"])) == {str(own), str(other)}
    assert await left_out(program.service.token(program.coordinator)) == {str(other)}


@pytest.mark.parametrize("decision", ["publish", "discard"])
@pytest.mark.parametrize("far_away", [Role.MENTOR, Role.MENTEE, "a mentee who is left out"])
async def test_who_coordinates_a_part_of_the_regions_of_a_draft_does_not_decide_on_it(program, decision, far_away):
    await program.join(Role.MENTOR, region="apac" if far_away is Role.MENTOR else "emea")
    await program.join(Role.MENTEE, region="apac" if far_away is Role.MENTEE else "emea")
    if far_away not in set(Role):
        await program.join(Role.MENTEE, region="apac", languages=("ja",))
    of_emea = uuid4()
    await program.service.deliver(
        CoordinatorAssigned(program=program.sample.program, subject=of_emea, regions=("emea",))
    )
    drafted = await program.run_round()
    path, expected = f"{drafted.headers['location']}/{decision}", drafted.headers["etag"]

    refused = await program.call("POST", path, of_emea, expected=expected)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:problem-type:other-regions-too")
    assert (await program.get(drafted.headers["location"], of_emea)).json()["state"] == "draft"
    assert (await program.get("/v1/me/proposals", program.sample.people[0])).json() == {"items": []}

    decided = await program.call("POST", path, expected=expected)
    assert decided.status_code == 200, decided.text


@pytest.mark.parametrize("decision", ["publish", "discard"])
@pytest.mark.usefixtures("couple")
async def test_regions_that_a_draft_does_not_touch_need_no_coordinator_of_it(program, decision):
    of_emea = uuid4()
    await program.service.deliver(
        CoordinatorAssigned(program=program.sample.program, subject=of_emea, regions=("emea",))
    )
    drafted = await program.run_round()
    path = f"{drafted.headers['location']}/{decision}"
    assert (await program.call("POST", path, of_emea, expected=drafted.headers["etag"])).status_code == 200


@pytest.fixture
def solving(monkeypatch):
    """Solves wait in the middle of their work until they are let go."""
    solve, begun, may_end = rounds.make_draft, threading.Event(), threading.Event()

    def held_up(*problem):
        begun.set()
        assert may_end.wait(30)
        return solve(*problem)

    monkeypatch.setattr(rounds, "make_draft", held_up)
    yield begun, may_end
    may_end.set()


@pytest.mark.usefixtures("couple")
async def test_while_a_round_of_a_program_is_solved_no_other_is_begun(program, solving):
    begun, may_end = solving
    async with asyncio.timeout(20):
        first = asyncio.create_task(program.run_round())
        await asyncio.to_thread(begun.wait)
        # It would wait for the first in the solver, if it got that far.
        second = await program.run_round()
        assert (second.status_code, second.json()["type"]) == (409, "urn:problem-type:round-in-work")
        assert "being solved" in second.json()["detail"]
        may_end.set()
        assert (await first).status_code == 201


@pytest.mark.usefixtures("couple")
async def test_after_a_solve_that_failed_the_program_solves_again(program, monkeypatch):
    def out_of_memory(*_):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(rounds, "make_draft", out_of_memory)
        assert (await program.run_round()).status_code == 500
    assert (await program.run_round()).status_code == 201


async def test_pairs_are_listed_page_by_page(program):
    for _ in range(3):
        await program.join(Role.MENTOR)
        await program.join(Role.MENTEE)
    await program.publish(await program.run_round())
    for participant in program.sample.people[::2]:
        await program.answer(participant, "accepted")
    for participant in program.sample.people[1::2]:
        await program.answer(participant, "accepted")
    seen, cursor = [], ""
    while cursor is not None:
        page = (await program.get(f"/v1/programs/{program.sample.program}/pairs?limit=2{cursor}")).json()
        seen += [each["pair"] for each in page["items"]]
        cursor = page["next"] and f"&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == 3
    assert seen == sorted(seen)
    for cursor, status in (("nonsense", 400), ("n" * 200, 400), ("n" * 201, 422)):
        bad = await program.get(f"/v1/programs/{program.sample.program}/pairs?cursor={cursor}")
        assert (bad.status_code, bad.headers["content-type"]) == (status, "application/problem+json")


async def test_a_rematch_ends_the_pair_at_the_full_hour_and_returns_both(program, couple, pair):
    etag = (await program.get(f"/v1/proposals/{pair}", couple[1])).headers["etag"]
    await program.service.deliver(program.sample.rematch(pair))
    await program.service.settle()
    assert (await program.get(f"/v1/proposals/{pair}", couple[1])).headers["etag"] == etag
    assert (await program.get(f"/v1/pairs/{pair}", couple[1])).json()["state"] == "created"
    assert (await program.pool())["paired"] == 2

    await program.service.service.clock.turn(next_full_hour(program.service.service.clock.now()))
    await program.service.settle()
    assert (await program.get(f"/v1/pairs/{pair}", couple[1])).json()["state"] == "ended"
    assert await program.pool() == {"mentors": 1, "mentees": 1, "waiting": 2, "paired": 0}


async def test_an_end_has_no_cause_and_a_trace_of_its_own(program, couple, pair):
    await program.service.deliver(program.sample.rematch(pair))
    await program.service.settle()
    await program.service.service.clock.turn(next_full_hour(program.service.service.clock.now()))
    await program.service.settle()
    async with program.service.service.read_pool.connect() as conn:
        rows = await store.load(conn, [UUID(pair)])
    recorded = await program.service.service.codec.recorded(rows)
    ended = recorded[-1]
    assert ended.event.type == "PairEnded"
    assert ended.causation is None
    assert str(ended.correlation) == pair


async def test_who_withdraws_frees_the_other_at_once(program, couple, pair):
    await program.service.deliver(program.sample.withdrawn(couple[0]))
    await program.service.settle()
    assert await program.pool() == {"mentors": 0, "mentees": 1, "waiting": 1, "paired": 0}
    assert (await program.get(f"/v1/pairs/{pair}", couple[1])).json()["state"] == "created"
    await program.service.service.clock.turn(next_full_hour(program.service.service.clock.now()))
    await program.service.settle()
    assert (await program.get(f"/v1/pairs/{pair}", couple[1])).json()["state"] == "ended"


async def test_a_publication_that_a_crash_cut_short_is_made_up_for(program, couple):
    await program.join(Role.MENTEE)
    drafted = await program.run_round()
    round_id = UUID(drafted.json()["round"])
    await program.service.execute(
        commands.publish(
            round_id,
            program_id=program.sample.program,
            now=program.service.service.clock.now(),
            actor=uuid4(),
            expected=int(drafted.headers["etag"].strip('"')),
        )
    )
    await program.service.settle()
    assert (await program.get("/v1/me/proposals", couple[0])).json() == {"items": []}
    await program.service.service.clock.turn(program.service.service.clock.now() + timedelta(minutes=1))
    await program.service.settle()
    assert len((await program.get("/v1/me/proposals", couple[0])).json()["items"]) == 1
    assert (await program.pool())["waiting"] == 1


async def test_what_there_is_to_do_is_told(program, couple):
    drafted = await program.run_round()
    await program.service.settle()
    [review] = (await program.get("/v1/todo")).json()["items"]
    assert (review["kind"], review["href"]) == ("round", drafted.headers["location"])
    await program.publish(drafted)
    [proposal] = (await program.get("/v1/todo", couple[0])).json()["items"]
    assert proposal["kind"] == "proposal"
    assert (await program.get("/v1/todo", couple[1])).json() == {"items": []}
    assert (await program.get("/v1/todo")).json() == {"items": []}


async def test_profile_identity_and_reason_are_stored_sealed(program):
    mentor = await program.join(Role.MENTOR, unit="canary-unit", identity={"identity": "canary-me", "wish": "yes"})
    await program.join(Role.MENTEE)
    await program.publish(await program.run_round())
    await program.answer(mentor, "declined", reason="canary-reason")
    async with program.service.service.read_pool.connect() as conn:
        tables = ["events", "candidates", "pairs", "rounds", "missed", "endings"]
        dump = [await conn.exec_driver_sql(f"select row_to_json(r)::text from {table} r") for table in tables]
        text = "".join(row for result in dump for row in result.scalars())
    assert str(mentor) in text
    assert "canary" not in text
