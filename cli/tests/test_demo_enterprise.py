"""The sample enterprise, and the file it signs up with, read by the reader that the service uses."""

import csv
import io

import pytest

from enrollment.signup_file import RefusedRow, Rules, SignUp, read, settle
from viceversa.demo.enterprise import COLUMNS, DIVIDING_GRADE, GRADE_LADDER, people, sign_up_file
from viceversa.demo.facts import PLACES, REGIONS, STAFF, TECHNOLOGIES, WORK_STYLES

RULES = Rules(regions=REGIONS, dividing_grade=DIVIDING_GRADE, grade_ladder=GRADE_LADDER)


def rows_of(content: bytes) -> list[SignUp | RefusedRow]:
    return list(read([content], RULES))


def test_the_same_seed_makes_the_same_enterprise_and_another_seed_another():
    assert people(100, 3) == people(100, 3)
    assert people(100, 3) != people(100, 4)


@pytest.mark.parametrize("count", [24, 240, 5_000])
def test_an_enterprise_has_as_many_people_as_asked_for_in_every_region(count):
    enterprise = people(count, 7)

    assert len({person.external_id for person in enterprise}) == count
    assert {person.place.region for person in enterprise} == set(REGIONS)


def test_the_sample_enterprise_works_in_three_regions_and_five_time_zones():
    enterprise = people(240, 7)

    assert len({person.place.region for person in enterprise}) == 3
    assert len({person.place.time_zone for person in enterprise}) == 5


def test_everybody_but_the_president_reports_to_somebody_one_level_above():
    enterprise = people(240, 7)
    level_of = {person.external_id: person.level for person in enterprise}

    president, *others = enterprise
    assert (president.level, president.manager) == (1, "")
    assert {person.level for person in others} == {2, 3, 4}
    assert all(level_of[person.manager] == person.level - 1 for person in others)


def test_there_are_more_juniors_than_seniors_and_seniors_outrank_them_by_two_grades():
    enterprise = people(240, 7)
    mentors = [person for person in enterprise if person.is_mentor]
    mentees = [person for person in enterprise if not person.is_mentor]

    assert len(mentors) > len(mentees) > 0
    assert min(mentee.grade for mentee in mentees) - max(mentor.grade for mentor in mentors) >= 2


def test_what_juniors_offer_are_technologies_that_somebody_senior_seeks():
    enterprise = people(240, 7)
    offered = {topic for person in enterprise if person.is_mentor for topic in person.offers}
    sought = {topic for person in enterprise if not person.is_mentor for topic in person.seeks}

    assert len(offered & sought) > 20


def test_every_occupation_that_a_job_names_has_its_facts():
    assert all(job.occupation in TECHNOLOGIES for job in STAFF)
    assert all(topics for topics in [*TECHNOLOGIES.values(), *WORK_STYLES.values()])
    assert all(1 <= importance <= 5 for styles in WORK_STYLES.values() for importance in styles.values())


def test_the_service_reads_every_good_row_and_nothing_else():
    enterprise = people(240, 7)
    rows = rows_of(sign_up_file(enterprise).content)
    settled = settle(rows, {row.external_id: row.external_id for row in rows if row.external_id is not None}, {})

    assert {row.external_id for row in settled.accepted} == {person.external_id for person in enterprise}
    by_id = {row.external_id: row for row in settled.accepted}
    assert all((by_id[person.external_id].role == "mentor") == person.is_mentor for person in enterprise)
    assert all(dict(by_id[person.external_id].offers) == person.offers for person in enterprise)


def test_the_service_refuses_every_bad_row_at_its_line_and_column():
    file = sign_up_file(people(240, 7))
    rows = rows_of(file.content)
    settled = settle(rows, {row.external_id: row.external_id for row in rows if row.external_id is not None}, {})

    refused = {row.line: [problem.column for problem in row.problems] for row in settled.refused}
    assert refused == {line: [bad_row.column] for line, bad_row in file.bad.items()}
    assert len(refused) == 11


def test_the_file_is_written_as_a_spreadsheet_program_does():
    content = sign_up_file(people(24, 1)).content

    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n")
    assert tuple(next(csv.reader(io.StringIO(content.decode("utf-8-sig"))))) == COLUMNS


def test_an_enterprise_too_small_for_four_levels_is_refused():
    with pytest.raises(ValueError, match="at least 12"):
        people(11, 1)


def test_every_region_has_a_place_whose_time_zone_is_its_own():
    zones = {region: {place.time_zone for place in PLACES if place.region == region} for region in REGIONS}

    assert sum(len(names) for names in zones.values()) == len(set().union(*zones.values()))
