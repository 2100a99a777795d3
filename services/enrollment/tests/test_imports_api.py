"""A sign-up file goes in: all that is good of it, told line by line what is not, and twice is as once."""

import asyncio
import base64
import json
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text

from enrollment import importing
from enrollment.domain.participant import PARTICIPANT, Profile, ProfileGiven
from enrollment.publish import PUBLICATIONS
from events.contracts.enrollment import MatchingProfileSet, ParticipantEnrolled, WorkProfileSet
from events.contracts.registry import Audience
from events.runtime import store
from events.runtime.deciding import fold
from events.runtime.encryption import read_key
from events.runtime.group_commit import GroupCommit
from events.runtime.refusals import Unavailable
from events.runtime.store import BEGINNING

COLUMNS = (
    "external_id,given_name,family_name,email,role,grade,unit,location,country,region,time_zone,working_hours,"
    "languages,manager_id,capacity,offers,seeks,identity,identity_wish"
)


def people(count, **changes):
    return [{"external_id": f"e-{n}", "email": f"e-{n}@example.com", **changes} for n in range(count)]


def counts(report):
    return {name: report[name] for name in ("rows", "enrolled", "updated", "unchanged", "rejected")}


async def stored(enrollment):
    """Every private event in the order of the log, as recorded."""
    codec = enrollment.running.service.codec
    async with enrollment.running.service.read_pool.connect() as conn:
        entries = await store.read_log(conn, BEGINNING, 100_000)
        return await codec.recorded([entry.stored for entry in entries])


async def published(enrollment):
    return [
        event
        for recorded in await stored(enrollment)
        for publish in PUBLICATIONS.get(type(recorded.event), ())
        if (event := publish(recorded)) is not None
    ]


async def chain_of(enrollment, participant):
    async with enrollment.running.service.read_pool.connect() as conn:
        stream = PARTICIPANT.stream(UUID(participant))
        folded = await fold(conn, enrollment.running.service.codec, [stream])
    return folded[stream].profile.manager_chain


async def test_everyone_in_a_file_is_enrolled_and_the_same_file_again_changes_nothing(enrollment):
    program = await enrollment.program()
    rows = people(300, identity="woman in tech")

    first = await enrollment.import_rows(program, *rows)
    events = len(await stored(enrollment))
    again = await enrollment.import_rows(program, *rows)

    assert counts(first) == {"rows": 300, "enrolled": 300, "updated": 0, "unchanged": 0, "rejected": 0}
    assert counts(again) == {"rows": 300, "enrolled": 0, "updated": 0, "unchanged": 300, "rejected": 0}
    assert first["problems"] == again["problems"] == []
    # All that the second import left is the note that it was there.
    assert len(await stored(enrollment)) == events + 1
    assert len({item["participant"] for item in (await enrollment.listed(program)).values()}) == 100


async def test_good_rows_go_in_and_bad_ones_are_told_by_the_line_they_start_on(enrollment):
    program = await enrollment.program()

    report = await enrollment.import_rows(
        program,
        {"external_id": "e-1", "unit": "two\nlines"},
        {"external_id": "e-2", "region": "Mars"},
        {"external_id": "e-1"},
        {"external_id": "e-3", "manager_id": "e-4"},
        {"external_id": "e-4", "manager_id": "e-3"},
        {"external_id": "e-5", "manager_id": "nobody"},
        {"external_id": "e-6", "grade": "99", "email": ""},
    )

    assert counts(report) == {"rows": 7, "enrolled": 1, "updated": 0, "unchanged": 0, "rejected": 6}
    assert [(problem["line"], problem["column"]) for problem in report["problems"]] == [
        (4, "region"),
        (5, "external_id"),
        (6, "manager_id"),
        (7, "manager_id"),
        (8, "manager_id"),
        (9, "email"),
        (9, "grade"),
    ]
    assert "“e-3” (line 6) → “e-4” (line 7)" in report["problems"][2]["message"]
    assert list(await enrollment.listed(program)) == ["e-1"]


async def test_a_file_under_a_key_goes_in_once_and_its_answer_is_kept_without_what_it_quotes(enrollment):
    program = await enrollment.program()
    headers = enrollment.administrator | {"idempotency-key": "first"}
    file = enrollment.file_of({"external_id": "e-1", "unit": "Data"}, {"external_id": "e-2", "time_zone": "Kim's zone"})
    first = await enrollment.upload(program, file, headers)
    await enrollment.import_rows(program, {"external_id": "e-1", "unit": "Sales"})
    events = len(await stored(enrollment))

    again = await enrollment.upload(program, file, headers)

    assert (first.status_code, again.status_code) == (201, 201)
    one, other = first.json(), again.json()
    assert "Kim's zone" in one["problems"][0]["message"]
    assert "Kim" not in again.text
    assert {**one, "problems": None} == {**other, "problems": None}
    assert [(p["line"], p["column"]) for p in other["problems"]] == [(3, "time_zone")]
    assert len(await stored(enrollment)) == events

    reused = await enrollment.upload(program, enrollment.file_of({"external_id": "e-3"}), headers)
    assert (reused.status_code, reused.json()["type"]) == (422, "urn:problem-type:idempotency-key-reused")
    assert list(await enrollment.listed(program)) == ["e-1"]


async def test_a_database_that_is_away_is_no_line_to_mend(enrollment, monkeypatch):
    program = await enrollment.program()

    async def away(_, commands):
        return [Unavailable() for _ in commands]

    monkeypatch.setattr(GroupCommit, "execute_all", away)
    answer = await enrollment.upload(program, enrollment.file_of({"external_id": "e-1"}))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem-type:unavailable")


async def test_a_changed_row_updates_its_person_and_leaves_the_others(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(program, {"external_id": "e-1"}, {"external_id": "e-2"}, {"external_id": "e-3"})
    before = await enrollment.listed(program)

    report = await enrollment.import_rows(
        program,
        {"external_id": "e-1"},
        {"external_id": "e-2", "family_name": "Lovelace"},
        {"external_id": "e-3", "offers": "python:5"},
        {"external_id": "e-4"},
    )

    assert counts(report) == {"rows": 4, "enrolled": 1, "updated": 2, "unchanged": 1, "rejected": 0}
    after = await enrollment.listed(program)
    assert {person: after[person]["participant"] for person in before} == {
        person: item["participant"] for person, item in before.items()
    }
    assert after["e-2"]["display_name"] == "Ada Lovelace"


async def test_a_new_manager_high_up_changes_the_chain_of_everyone_below_in_the_file(enrollment):
    program = await enrollment.program()
    file = [
        {"external_id": "top"},
        {"external_id": "head", "manager_id": "top"},
        {"external_id": "lead", "manager_id": "head"},
        {"external_id": "dev", "manager_id": "lead"},
    ]
    await enrollment.import_rows(program, *file)
    subject = {person: (await enrollment.sign_in(person))[0] for person in ("top", "head", "lead", "other")}
    participants = {person: item["participant"] for person, item in (await enrollment.listed(program)).items()}
    assert await chain_of(enrollment, participants["dev"]) == (subject["lead"], subject["head"], subject["top"])

    file[1]["manager_id"] = "other"
    report = await enrollment.import_rows(program, {"external_id": "other", "manager_id": "top"}, *file)

    assert counts(report) == {"rows": 5, "enrolled": 1, "updated": 3, "unchanged": 1, "rejected": 0}
    assert await chain_of(enrollment, participants["dev"]) == (
        subject["lead"],
        subject["head"],
        subject["other"],
        subject["top"],
    )


async def lines_and_name(enrollment, program, person):
    """Who stands above somebody who signs up for another program now, and what they are called."""
    other = await enrollment.program()
    await enrollment.import_rows(other, {"external_id": "newcomer", "manager_id": person})
    chain = await chain_of(enrollment, (await enrollment.listed(other))["newcomer"]["participant"])
    return chain, (await enrollment.listed(program))[person]["display_name"]


@pytest.mark.parametrize("change", [{"region": "Americas"}, {"role": "mentee"}, {}])
async def test_a_refused_row_changes_nobodys_manager_and_nobodys_name(enrollment, change):
    program = await enrollment.program()
    dev = {"external_id": "dev", "manager_id": "boss", "role": "mentor"}
    await enrollment.import_rows(program, {"external_id": "boss"}, {"external_id": "friend"}, dev)
    before = await lines_and_name(enrollment, program, "dev")
    if not change:
        path = f"/v1/participants/{(await enrollment.listed(program))['dev']['participant']}"
        version = (await enrollment.client.get(path, headers=enrollment.administrator)).headers["etag"]
        headers = enrollment.administrator | {"if-match": version}
        assert (await enrollment.client.post(f"{path}/withdraw", headers=headers)).status_code == 200

    below = {"external_id": "below", "manager_id": "dev"}
    report = await enrollment.import_rows(
        program, dev | {"manager_id": "friend", "given_name": "Mallory"} | change, below
    )

    assert counts(report) == {"rows": 2, "enrolled": 1, "updated": 0, "unchanged": 0, "rejected": 1}
    assert await lines_and_name(enrollment, program, "dev") == before
    participant = (await enrollment.listed(program))["below"]["participant"]
    assert await chain_of(enrollment, participant) == before[0]


async def test_a_refused_sign_up_changes_nobodys_manager(enrollment):
    program = await enrollment.program()
    dev = {"external_id": "dev", "manager_id": "boss"}
    await enrollment.import_rows(program, {"external_id": "boss"}, {"external_id": "friend"}, dev)
    before = await lines_and_name(enrollment, program, "dev")
    americas = await enrollment.coordinator(program, "hr-1", "Americas")

    moved = enrollment.row | dev | {"manager_id": "friend", "region": "Americas", "given_name": "Mallory"}
    path = f"/v1/programs/{program}/participants"
    refused = await enrollment.client.post(path, json=moved, headers=americas)

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:problem-type:region-stays")
    assert await lines_and_name(enrollment, program, "dev") == before


async def test_a_manager_named_in_a_bad_row_stays_known(enrollment):
    program = await enrollment.program()
    top, head = {"external_id": "top"}, {"external_id": "head", "manager_id": "top", "email": "none"}
    await enrollment.import_rows(program, top, head, {"external_id": "dev", "manager_id": "head"})

    await enrollment.import_rows(program, {"external_id": "late", "manager_id": "head"})
    await enrollment.import_rows(program, {"external_id": "dev", "manager_id": "head", "capacity": "2"})

    listed = await enrollment.listed(program)
    subjects = tuple([(await enrollment.sign_in(person))[0] for person in ("head", "top")])
    for person in ("late", "dev"):
        assert await chain_of(enrollment, listed[person]["participant"]) == subjects


async def test_an_update_cuts_off_no_managers_whom_another_coordinators_rows_named(enrollment):
    program = await enrollment.program()
    coordinator = await enrollment.coordinator(program, "hr-1", "EMEA")
    dev = {"external_id": "dev", "manager_id": "head"}
    head = {"external_id": "head", "manager_id": "top", "region": "Americas"}
    top = {"external_id": "top", "region": "Americas"}
    assert (await enrollment.upload(program, enrollment.file_of(dev, head, top), coordinator)).json()["enrolled"] == 1

    report = (await enrollment.upload(program, enrollment.file_of(dev | {"capacity": "2"}), coordinator)).json()

    assert report["updated"] == 1
    participant = (await enrollment.listed(program))["dev"]["participant"]
    subjects = tuple([(await enrollment.sign_in(person))[0] for person in ("head", "top")])
    assert await chain_of(enrollment, participant) == subjects
    # Nothing is kept of rows that are not the caller's to give in.
    await enrollment.import_rows(program, {"external_id": "late", "manager_id": "head"})
    assert await chain_of(enrollment, (await enrollment.listed(program))["late"]["participant"]) == subjects[:1]


async def test_a_new_manager_high_up_reaches_those_below_who_are_not_in_the_file(enrollment, monkeypatch):
    monkeypatch.setattr(importing, "_SET", 2)
    program, another = await enrollment.program(), await enrollment.program()
    team = [{"external_id": f"dev-{n}", "manager_id": "head", "identity": "woman in tech"} for n in range(5)]
    file = [{"external_id": "top"}, {"external_id": "new"}, {"external_id": "head", "manager_id": "top"}]
    await enrollment.import_rows(program, *file, *team)
    await enrollment.import_rows(another, team[0])
    before = {e.participant: e for e in await published(enrollment) if isinstance(e, MatchingProfileSet)}

    await enrollment.import_rows(program, {"external_id": "head", "manager_id": "new"})

    subjects = tuple([(await enrollment.sign_in(person))[0] for person in ("head", "new")])
    after = {e.participant: e for e in await published(enrollment) if isinstance(e, MatchingProfileSet)}
    below = [participant for participant, event in after.items() if event.manager_chain == subjects]
    assert len(below) == 6
    assert all(after[p] == before[p].model_copy(update={"manager_chain": subjects}) for p in below)
    events = len(await stored(enrollment))
    await enrollment.import_rows(program, {"external_id": "head", "manager_id": "new"})
    assert len(await stored(enrollment)) == events + 1

    path = f"/v1/programs/{program}/participants"
    alone = enrollment.row | {"external_id": "head", "manager_id": ""}
    assert (await enrollment.client.post(path, json=alone, headers=enrollment.administrator)).status_code == 200
    participant = (await enrollment.listed(program))["dev-1"]["participant"]
    assert await chain_of(enrollment, participant) == subjects[:1]


async def test_a_manager_who_is_moved_while_a_file_goes_in_is_above_those_of_the_file_too(enrollment, monkeypatch):
    program, another = await enrollment.program(), await enrollment.program()
    await enrollment.import_rows(another, {"external_id": "head"}, {"external_id": "other"})
    await enrollment.import_rows(another, {"external_id": "lead", "manager_id": "head"})
    learn = importing.learn

    async def while_another_file_goes_in(*arguments):
        monkeypatch.setattr(importing, "learn", learn)
        await enrollment.import_rows(another, {"external_id": "lead", "manager_id": "other"})
        await learn(*arguments)

    monkeypatch.setattr(importing, "learn", while_another_file_goes_in)
    await enrollment.import_rows(program, {"external_id": "dev", "manager_id": "lead"})

    lead, other = [(await enrollment.sign_in(person))[0] for person in ("lead", "other")]
    assert await chain_of(enrollment, (await enrollment.listed(program))["dev"]["participant"]) == (lead, other)


async def test_a_manager_of_an_earlier_file_is_known_in_a_later_one(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(program, {"external_id": "top"}, {"external_id": "head", "manager_id": "top"})

    report = await enrollment.import_rows(program, {"external_id": "dev", "manager_id": "head"})

    assert report["enrolled"] == 1
    participant = (await enrollment.listed(program))["dev"]["participant"]
    assert len(await chain_of(enrollment, participant)) == 2


async def test_a_circle_over_two_files_is_refused(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(program, {"external_id": "top"}, {"external_id": "head", "manager_id": "top"})

    report = await enrollment.import_rows(program, {"external_id": "top", "manager_id": "head"})

    assert counts(report)["rejected"] == 1
    assert "known already" in report["problems"][0]["message"]


async def test_who_has_left_stays_away_and_a_role_and_region_stay(enrollment):
    program = await enrollment.program()
    rows = [{"external_id": person, "role": "mentor"} for person in ("gone", "turned", "moved", "kept")]
    await enrollment.import_rows(program, *rows)
    gone = (await enrollment.listed(program))["gone"]["participant"]
    path = f"/v1/participants/{gone}"
    version = (await enrollment.client.get(path, headers=enrollment.administrator)).headers["etag"]
    headers = enrollment.administrator | {"if-match": version}
    assert (await enrollment.client.post(f"{path}/withdraw", headers=headers)).status_code == 200

    rows[1]["role"], rows[2]["region"] = "mentee", "Americas"
    report = await enrollment.import_rows(program, *rows)

    assert counts(report) == {"rows": 4, "enrolled": 0, "updated": 0, "unchanged": 1, "rejected": 3}
    assert [(p["line"], p["column"]) for p in report["problems"]] == [(2, "external_id"), (3, "role"), (4, "region")]


async def test_a_coordinator_brings_in_their_own_regions_alone(enrollment):
    program = await enrollment.program()
    coordinator = await enrollment.coordinator(program, "hr-1", "EMEA")
    ours = "e-1,A,B,a@example.com,auto,1,,,,EMEA,UTC,,en,,,x,y,,"
    file = f"{COLUMNS}\r\n{ours}\r\n{ours.replace('EMEA', 'Americas').replace('e-1', 'e-2')}".encode()

    report = (await enrollment.upload(program, file, coordinator)).json()

    assert (report["enrolled"], report["rejected"]) == (1, 1)
    assert report["problems"][0]["line"] == 3
    assert "EMEA" in report["problems"][0]["message"]
    assert (await enrollment.upload(program, file, enrollment.running.token())).status_code == 404


async def test_a_coordinator_brings_in_people_whose_managers_are_elsewhere_in_the_file(enrollment):
    program = await enrollment.program()
    coordinator = await enrollment.coordinator(program, "hr-1", "EMEA")
    ours = "e-1,A,B,a@example.com,auto,1,,,,EMEA,UTC,,en,e-2,,x,y,,"
    theirs = "e-2,A,B,a@example.com,auto,1,,,,Americas,UTC,,en,e-3,,x,y,,"
    top = "e-3,A,B,a@example.com,auto,1,,,,Americas,UTC,,en,,,x,y,,"

    report = (await enrollment.upload(program, f"{COLUMNS}\n{ours}\n{theirs}\n{top}".encode(), coordinator)).json()

    assert counts(report) == {"rows": 3, "enrolled": 1, "updated": 0, "unchanged": 0, "rejected": 2}
    (item,) = (await enrollment.listed(program)).values()
    subjects = [(await enrollment.sign_in(person))[0] for person in ("e-2", "e-3")]
    assert list(await chain_of(enrollment, item["participant"])) == subjects


@pytest.mark.parametrize(
    ("file", "column"),
    [(b"", None), (b"external_id;given_name;family_name\n", None), (b"external_id,first_name\nx,y\n", "first_name")],
)
async def test_a_file_without_the_columns_is_refused_as_a_problem(enrollment, file, column):
    program = await enrollment.program()

    answer = await enrollment.upload(program, file)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["problems"][0]["line"] == 1
    assert column in {problem["column"] for problem in answer.json()["problems"]}


async def test_a_file_with_headings_of_its_own_goes_in_by_a_mapping(enrollment):
    program = await enrollment.program()
    file = enrollment.file_of({"external_id": "e-1"}).replace(b"external_id", b"Employee No", 1)
    headers = enrollment.administrator | {"content-type": "text/csv"}

    async def upload(*headings):
        path = f"/v1/programs/{program}/imports"
        return await enrollment.client.post(path, content=file, headers=headers, params={"heading": headings})

    assert (await upload()).status_code == 422
    assert (await upload("external_id=employee no", "given_name=Given Name")).json()["enrolled"] == 1
    for bad in (["shoe_size=x"], ["external_id"], ["unit=x", "unit=y"], ["unit=x y", "role=X_Y"]):
        refused = await upload(*bad)
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:problem-type:unusable-headings")
    assert (await upload(*["unit=x"] * 20)).status_code == (await upload("unit=" + "x" * 200)).status_code == 422


async def test_a_form_upload_is_told_how_to_send_the_file(enrollment):
    program = await enrollment.program()

    answer = await enrollment.client.post(
        f"/v1/programs/{program}/imports", files={"file": b"x"}, headers=enrollment.administrator
    )

    assert answer.status_code == 415
    assert "text/csv" in answer.json()["title"]


async def test_nobody_signs_up_for_a_draft(enrollment):
    created = await enrollment.client.post(
        "/v1/programs",
        json={
            "name": "Draft",
            "regions": ["EMEA"],
            "starts_on": "2027-01-11",
            "ends_on": "2027-09-30",
            "dividing_grade": 3,
        },
        headers=enrollment.administrator,
    )

    answer = await enrollment.upload(created.json()["program"], b"x")

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem-type:program-not-open")


async def test_what_is_personal_is_in_no_table_and_no_event_in_clear(enrollment):
    program = await enrollment.program()
    canary = {
        "external_id": "canary-id",
        "given_name": "Canarygiven",
        "family_name": "Canaryfamily",
        "email": "canary@example.com",
        "identity": "canary identity",
        "identity_wish": "canary wish",
        "unit": "canary unit",
        "location": "canary town",
        "offers": "canary craft:4",
    }
    await enrollment.import_rows(program, canary, {"external_id": "canary-id"})
    await enrollment.running.settle()

    async with enrollment.running.service.read_pool.connect() as conn:
        tables = await conn.scalars(text("select tablename from pg_tables where schemaname = 'public'"))
        for table in tables.all():
            rows = (await conn.execute(text(f'select t::text from "{table}" t'))).scalars().all()
            assert not [row for row in rows if "canary" in row.lower()], table
    profile = {"unit", "location", "offers"}  # which matching needs
    told = " ".join(event.model_dump_json(exclude=profile) for event in await published(enrollment))
    assert "canary" not in told.lower()


async def test_an_identity_leaves_sealed_for_matching_and_for_one_participant(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(
        program,
        {"external_id": "e-1", "identity": "Zoë 🌍", "identity_wish": "same"},
        {"external_id": "e-2"},
    )
    participants = {person: item["participant"] for person, item in (await enrollment.listed(program)).items()}

    profiles = {str(e.participant): e for e in await published(enrollment) if isinstance(e, MatchingProfileSet)}

    sealed = profiles[participants["e-1"]].identity
    raw = base64.b64decode(sealed)
    cipher = AESGCM(read_key(enrollment.settings.transport_key_file))
    opened = cipher.decrypt(raw[:12], raw[12:], participants["e-1"].encode())
    assert json.loads(opened) == {"identity": "Zoë 🌍", "wish": "same"}
    assert profiles[participants["e-2"]].identity is None


async def test_a_republish_says_the_same_to_the_byte(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(program, {"external_id": "e-1", "identity": "x" * 120, "identity_wish": "🌍" * 120})

    first = [event.model_dump_json() for event in await published(enrollment)]

    assert first == [event.model_dump_json() for event in await published(enrollment)]


async def test_once_a_key_is_destroyed_the_person_is_gone_from_lists_and_from_what_is_republished(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(program, {"external_id": "e-1", "identity": "woman in tech"})
    async with enrollment.running.service.write_pool.begin() as conn:
        await conn.execute(text("delete from subject_keys"))

    listed = await enrollment.listed(program)
    profiles = [recorded.event for recorded in await stored(enrollment) if isinstance(recorded.event, ProfileGiven)]

    assert list(listed) == [None]
    assert listed[None]["display_name"] is None
    assert [(p.profile, p.identity, p.identity_wish, p.sealed_identity) for p in profiles] == [(None,) * 4]
    assert not {type(event) for event in await published(enrollment)} & {MatchingProfileSet, WorkProfileSet}


async def test_a_profile_that_was_stored_in_clear_reads_until_its_key_is_destroyed(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(program, {"external_id": "e-1", "unit": "Data", "identity": "woman in tech"})
    (told,) = [event for event in await published(enrollment) if isinstance(event, MatchingProfileSet)]
    profile = Profile(**told.model_dump(include=set(Profile.model_fields)))
    async with enrollment.running.service.write_pool.begin() as conn:
        await conn.execute(
            text(
                "update events set schema_version = 1, data = jsonb_set(data, '{profile}', cast(:profile as jsonb))"
                " where type = 'ProfileGiven'"
            ),
            {"profile": profile.model_dump_json()},
        )
    assert (await enrollment.listed(program))["e-1"]["display_name"]
    assert [event for event in await published(enrollment) if isinstance(event, MatchingProfileSet)] == [told]

    async with enrollment.running.service.write_pool.begin() as conn:
        await conn.execute(text("delete from subject_keys"))
    assert not {type(event) for event in await published(enrollment)} & {MatchingProfileSet, WorkProfileSet}


async def test_public_events_of_an_import_name_participants_and_no_subjects(enrollment):
    program = await enrollment.program()
    await enrollment.import_rows(program, *people(3))
    subjects = {str((await enrollment.sign_in(f"e-{n}"))[0]) for n in range(3)}

    public = [event for event in await published(enrollment) if event.audience is Audience.PUBLIC]

    assert sum(isinstance(event, ParticipantEnrolled) for event in public) == 3
    told = " ".join(event.model_dump_json() for event in public)
    assert not [subject for subject in subjects if subject in told]


async def test_two_uploads_of_one_file_at_once_enroll_everyone_once(enrollment):
    program = await enrollment.program()
    rows = people(200)

    reports = await asyncio.gather(*(enrollment.import_rows(program, *rows) for _ in range(3)))

    assert sum(report["enrolled"] for report in reports) == 200
    assert sum(report["rejected"] + report["updated"] for report in reports) == 0
    enrolled = [r.stream_id for r in await stored(enrollment) if r.event.type == "ParticipantEnrolled"]
    assert len(enrolled) == len(set(enrolled)) == 200
