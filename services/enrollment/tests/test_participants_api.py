"""One participant: signing up, being read, leaving; and who gets to know a name."""

from uuid import UUID, uuid4

import pytest

from events.contracts.matching import PairCreated, PairEnded
from events.runtime.http import encode_cursor

SIGN_UP = {
    "external_id": "e-104",
    "given_name": "Ada",
    "family_name": "Byron",
    "email": "ada@example.com",
    "role": "auto",
    "grade": "Senior",
    "unit": "Data",
    "region": "EMEA",
    "time_zone": "Europe/Berlin",
    "languages": "de;en",
    "offers": "tiktok:5",
    "seeks": "strategy",
    "identity": "woman in tech",
}


async def sign_up(enrollment, program, headers, **changes):
    return await enrollment.client.post(f"/v1/programs/{program}/participants", json=SIGN_UP | changes, headers=headers)


async def with_a_manager(enrollment, program):
    """The boss of whom who signs themselves up must tell."""
    await enrollment.import_rows(program, {"external_id": "boss", "role": "mentee"})


async def names(enrollment, headers, *participants):
    answer = await enrollment.client.post("/v1/names", json={"participants": participants}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["names"]


async def test_a_person_signs_up_reads_themselves_and_leaves(enrollment):
    program = await enrollment.program()
    await with_a_manager(enrollment, program)
    _, ada = await enrollment.sign_in("e-104")

    answer = await sign_up(enrollment, program, ada, manager_id="boss")
    assert answer.status_code == 201, answer.text
    participant = answer.json()["participant"]
    path = answer.headers["location"]
    read = await enrollment.client.get(path, headers=ada)
    assert read.json() == {
        "participant": participant,
        "program": program,
        "role": "mentor",
        "region": "EMEA",
        "status": "active",
        "display_name": "Ada Byron",
        "profile": {
            "grade": 2,
            "unit": "Data",
            "location": "",
            "country": "",
            "time_zone": "Europe/Berlin",
            "working_hours": "09:00-17:00",
            "languages": ["de", "en"],
            "capacity": 1,
            "offers": {"tiktok": 5},
            "seeks": {"strategy": 3},
        },
    }
    assert read.headers["etag"] == answer.headers["etag"]

    assert (await enrollment.client.post(f"{path}/withdraw", headers=ada)).status_code == 428
    left = await enrollment.client.post(f"{path}/withdraw", headers=ada | {"if-match": read.headers["etag"]})
    assert (left.status_code, left.json()["status"]) == (200, "withdrawn")
    again = await enrollment.client.post(f"{path}/withdraw", headers=ada | {"if-match": left.headers["etag"]})
    assert (again.status_code, again.json()["type"]) == (409, "urn:problem-type:has-left")
    mine = await enrollment.client.get("/v1/me/participations", headers=ada)
    assert mine.json()["items"] == [
        {
            "participant": participant,
            "program": program,
            "role": "mentor",
            "region": "EMEA",
            "status": "withdrawn",
        }
    ]


async def test_signing_up_again_brings_the_profile_up_to_date(enrollment):
    program = await enrollment.program()
    await with_a_manager(enrollment, program)
    _, ada = await enrollment.sign_in("e-104")
    first = await sign_up(enrollment, program, ada, manager_id="boss")

    same = await sign_up(enrollment, program, ada)
    changed = await sign_up(enrollment, program, ada, capacity=2)

    assert (first.status_code, same.status_code, changed.status_code) == (201, 200, 200)
    assert first.headers["etag"] == same.headers["etag"] != changed.headers["etag"]
    assert first.json() == same.json() == changed.json()


async def test_nobody_signs_up_somebody_else_but_their_coordinator(enrollment):
    program = await enrollment.program()
    _, other = await enrollment.sign_in("e-7")
    emea = await enrollment.coordinator(program, "hr-emea", "EMEA")
    americas = await enrollment.coordinator(program, "hr-americas", "Americas")

    assert (await sign_up(enrollment, program, other)).status_code == 404
    assert (await sign_up(enrollment, program, americas)).status_code == 404
    assert (await sign_up(enrollment, program, emea, region="emea")).status_code == 201
    assert (await sign_up(enrollment, program, enrollment.administrator)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"region": "Mars"}, "region"),
        ({"manager_id": "nobody"}, "manager_id"),
        ({"manager_id": "e-104"}, "manager_id"),
        ({"grade": 9}, "grade"),
        ({"grade": 1_000_000}, "grade"),
        ({"offers": ""}, "offers"),
        ({"favourite_colour": "blue"}, "body.favourite_colour"),
        ({"offers": 5}, "body.offers"),
    ],
)
async def test_a_sign_up_that_does_not_fit_says_where(enrollment, changes, where):
    program = await enrollment.program()

    answer = await sign_up(enrollment, program, enrollment.administrator, **changes)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["where"] for error in answer.json()["errors"]] == [where]
    assert "ada@example.com" not in answer.text


async def test_a_participant_does_not_exist_for_strangers(enrollment):
    program = await enrollment.program()
    participant = (await sign_up(enrollment, program, enrollment.administrator)).json()["participant"]
    path = f"/v1/participants/{participant}"
    _, ada = await enrollment.sign_in("e-104")
    _, stranger = await enrollment.sign_in("e-7")
    emea = await enrollment.coordinator(program, "hr-emea", "EMEA")
    americas = await enrollment.coordinator(program, "hr-americas", "Americas")
    elsewhere = await enrollment.coordinator(await enrollment.program(), "hr-elsewhere", "EMEA")

    for headers in (ada, emea, enrollment.administrator):
        assert (await enrollment.client.get(path, headers=headers)).status_code == 200
        assert await names(enrollment, headers, participant, str(uuid4())) == {participant: "Ada Byron"}
    for headers in (stranger, americas, elsewhere, enrollment.running.token(roles=["auditor", "operator"])):
        assert (await enrollment.client.get(path, headers=headers)).status_code == 404
        withdrawal = headers | {"if-match": '"2"'}
        assert (await enrollment.client.post(f"{path}/withdraw", headers=withdrawal)).status_code == 404
        assert await names(enrollment, headers, participant) == {}
    assert (await enrollment.client.get(f"/v1/participants/{uuid4()}", headers=emea)).status_code == 404


async def people(enrollment, program, *external_ids):
    """(participant, authorization header) of each, who sign up one by one."""
    await enrollment.import_rows(program, *({"external_id": each, "family_name": each} for each in external_ids))
    listed = await enrollment.listed(program)
    signed_in = [await enrollment.sign_in(each) for each in external_ids]
    return [(listed[each]["participant"], me) for each, (_, me) in zip(external_ids, signed_in, strict=True)]


def pair_of(program, mentor, mentee):
    """Its creation and its end."""
    pair, sides = uuid4(), {"mentor": UUID(mentor), "mentee": UUID(mentee)}
    regions = {"mentor_region": "EMEA", "mentee_region": "EMEA"}
    return PairCreated(pair=pair, program=UUID(program), **sides, **regions), PairEnded(
        pair=pair, program=UUID(program)
    )


async def test_two_who_are_a_pair_see_the_name_of_each_other_and_no_more(enrollment):
    program = await enrollment.program()
    (one, mentor), (two, mentee), (three, other_mentee) = await people(enrollment, program, "one", "two", "three")
    everybody = (one, two, three)
    assert await names(enrollment, mentor, *everybody) == {one: "Ada one"}

    for pair in (pair_of(program, one, two), pair_of(program, one, three)):
        await enrollment.running.deliver(pair[0])

    assert await names(enrollment, mentor, *everybody) == {one: "Ada one", two: "Ada two", three: "Ada three"}
    assert await names(enrollment, mentee, *everybody) == {one: "Ada one", two: "Ada two"}
    assert await names(enrollment, other_mentee, *everybody) == {one: "Ada one", three: "Ada three"}
    assert await names(enrollment, mentee, three) == {}
    path = f"/v1/participants/{two}"
    assert (await enrollment.client.get(path, headers=mentor)).status_code == 404
    withdrawal = mentor | {"if-match": '"2"'}
    assert (await enrollment.client.post(f"{path}/withdraw", headers=withdrawal)).status_code == 404


@pytest.mark.parametrize("order", [("created", "ended"), ("ended", "created")])
async def test_who_was_a_pair_goes_on_knowing_the_name_in_whichever_order_its_events_arrive(enrollment, order):
    program = await enrollment.program()
    (one, mentor), (two, mentee) = await people(enrollment, program, "one", "two")
    events = dict(zip(("created", "ended"), pair_of(program, one, two), strict=True))

    for event in order:
        await enrollment.running.deliver(events[event])

    assert await names(enrollment, mentor, two) == {two: "Ada two"}
    assert await names(enrollment, mentee, one) == {one: "Ada one"}


async def test_a_partner_in_one_program_is_a_stranger_in_another(enrollment):
    here, there = await enrollment.program(), await enrollment.program()
    (one, mentor), (two, _) = await people(enrollment, here, "one", "two")
    _, (elsewhere, _) = await people(enrollment, there, "one", "two")

    await enrollment.running.deliver(pair_of(here, one, two)[0])

    assert await names(enrollment, mentor, two, elsewhere) == {two: "Ada two"}


@pytest.mark.parametrize("projected", [True, False])
async def test_a_list_shows_a_coordinator_their_regions_page_by_page(enrollment, projected):
    program = await enrollment.program()
    rows = [{"external_id": f"e-{n}", "region": "EMEA" if n % 2 else "Americas"} for n in range(10)]
    await enrollment.import_rows(program, *rows)
    if projected:
        await enrollment.running.settle()
    emea = await enrollment.coordinator(program, "hr-emea", "EMEA")
    path = f"/v1/programs/{program}/participants"

    seen, pages, cursor = [], 0, None
    while cursor or not pages:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await enrollment.client.get(path, params=query, headers=emea)).json()
        seen += page["items"]
        pages += 1
        cursor = page["next"]

    assert sorted(item["external_id"] for item in seen) == ["e-1", "e-3", "e-5", "e-7", "e-9"]
    assert {item["display_name"] for item in seen} == {"Ada Byron"}
    everyone = (await enrollment.client.get(path, headers=enrollment.administrator)).json()
    assert (len(everyone["items"]), everyone["next"]) == (10, None)
    assert (await enrollment.client.get(path, headers=enrollment.running.token())).status_code == 404
    for cursor in ("made-up", encode_cursor("e-1"), encode_cursor(1), encode_cursor(page["next"] or "", "more")):
        bad = await enrollment.client.get(path, params={"cursor": cursor}, headers=emea)
        assert (bad.status_code, bad.json()["type"]) == (400, "urn:problem-type:bad-cursor")


async def test_the_same_idempotency_key_signs_up_once(enrollment):
    program = await enrollment.program()
    await with_a_manager(enrollment, program)
    _, ada = await enrollment.sign_in("e-104")
    headers = ada | {"idempotency-key": "once"}

    first = await sign_up(enrollment, program, headers, manager_id="boss")
    again = await sign_up(enrollment, program, headers, manager_id="boss")
    closing = enrollment.administrator | {"if-match": '"2"'}
    assert (await enrollment.client.post(f"/v1/programs/{program}/close", headers=closing)).status_code == 200
    late = await sign_up(enrollment, program, headers, manager_id="boss")

    assert [answer.status_code for answer in (first, again, late)] == [201, 201, 201]
    assert first.json() == again.json() == late.json()
    assert (await sign_up(enrollment, program, ada, manager_id="boss")).status_code == 409


async def test_nobody_steps_out_of_their_own_reporting_line(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(
        program,
        {"external_id": "boss"},
        {"external_id": "friend"},
        {"external_id": "e-104", "manager_id": "boss", "role": "mentor"},
    )
    _, ada = await enrollment.sign_in("e-104")

    for manager in (None, "boss"):
        kept = await sign_up(enrollment, program, ada, manager_id=manager, grade=1)
        assert kept.status_code == 200, kept.text
    refused = await sign_up(enrollment, program, ada, manager_id="friend", grade=1)
    assert [error["where"] for error in refused.json()["errors"]] == ["manager_id"]
    unknown = await sign_up(enrollment, program, ada, manager_id="nobody", grade=1)
    assert unknown.json() == refused.json()
    promoted = await sign_up(enrollment, program, ada, grade=2)
    assert [error["where"] for error in promoted.json()["errors"]] == ["grade"]
    assert (await sign_up(enrollment, program, enrollment.administrator, manager_id="friend")).status_code == 200


async def test_one_person_is_another_participant_in_another_program(enrollment):
    programs = [await enrollment.program(), await enrollment.program()]
    await with_a_manager(enrollment, programs[0])
    _, ada = await enrollment.sign_in("e-104")

    first, second = [await sign_up(enrollment, program, ada, manager_id="boss") for program in programs]

    assert first.json()["participant"] != second.json()["participant"]


async def test_a_role_or_a_region_to_coordinate_is_no_way_out_of_ones_own_reporting_line(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(
        program, {"external_id": "boss"}, {"external_id": "friend"}, {"external_id": "e-104", "manager_id": "boss"}
    )
    _, operator = await enrollment.sign_in("e-104", "operator", "auditor")
    coordinator = await enrollment.coordinator(program, "e-104", "EMEA")

    for headers in (operator, coordinator):
        refused = await sign_up(enrollment, program, headers, manager_id="friend", grade=1)
        assert [error["where"] for error in refused.json()["errors"]] == ["manager_id"]
    uploaded = await enrollment.upload(
        program, enrollment.file_of({"external_id": "e-104", "manager_id": "friend"}), coordinator
    )
    assert [problem["column"] for problem in uploaded.json()["problems"]] == ["manager_id"]


async def test_who_signs_themselves_up_names_a_manager_whom_somebody_signed_up(enrollment):
    program = await enrollment.program()
    await with_a_manager(enrollment, program)
    _, ada = await enrollment.sign_in("e-104")
    await enrollment.sign_in("accomplice")

    refused = [await sign_up(enrollment, program, ada, manager_id=person) for person in (None, "accomplice", "nobody")]

    assert [answer.status_code for answer in refused] == [422, 422, 422]
    assert refused[0].json() == refused[1].json() == refused[2].json()
    assert "import you first" in refused[0].text
    assert (await sign_up(enrollment, program, ada, manager_id="boss")).status_code == 201
    await enrollment.import_rows(program, {"external_id": "top"})
    _, top = await enrollment.sign_in("top")
    vouched = {"external_id": "top", "grade": 1}
    assert (await sign_up(enrollment, program, top, **vouched)).status_code == 200
    assert (await sign_up(enrollment, program, top, **vouched, manager_id="boss")).status_code == 422
