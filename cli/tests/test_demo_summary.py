"""The figures that a story comes to, and the journey of the pair whose mentor left."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from viceversa.client import Platform
from viceversa.demo.enterprise import people, sign_up_file
from viceversa.demo.expectations import Expectations
from viceversa.demo.facts import REGIONS
from viceversa.demo.stage import Pair, Participant, Progress, Round, Stage
from viceversa.demo.subscriber import Heard, Subscriber
from viceversa.demo.summary import by_region, journey, summarise
from viceversa.demo.traces import Span, assemble

PROGRAM = str(uuid4())
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
ANNA, BEN, CARA, DAN = (
    Participant("p-1", "e-1", "Anna", "mentor", "Europe"),
    Participant("p-2", "e-2", "Ben", "mentee", "Asia"),
    Participant("p-3", "e-3", "Cara", "mentor", "Europe"),
    Participant("p-4", "e-4", "Dan", "mentee", "Europe"),
)


def told(name, day, **data):
    service = {"Pair": "matching", "Sess": "sessions", "Feed": "feedback"}.get(name[:4], "enrollment")
    return Heard(
        id=str(uuid4()),
        type=f"viceversa.{name}.v1",
        source=f"/viceversa/local/{service}",
        at=START + timedelta(days=day),
        trace_id="f" * 32,
        data={"program": PROGRAM, **data},
    )


@pytest.fixture
def stage():
    enterprise = people(24, 1)
    nobody = Platform({}, "", httpx.AsyncClient())
    someone = nobody.caller("someone")
    stage = Stage(
        platform=nobody,
        subscriber=Subscriber("nowhere:9092"),
        spans=Path("nowhere"),
        enterprise=enterprise,
        file=sign_up_file(enterprise),
        dice=random.Random(1),
        expectations=Expectations(),
        progress=Progress(lambda _: None, lambda: None),
        administrator=someone,
        operator=someone,
        coordinator=someone,
        now=START,
        program=PROGRAM,
    )
    stage.participants = {person.id: person for person in (ANNA, BEN, CARA, DAN)}
    stage.pairs = [Pair("pair-1", ANNA, BEN, round=1, sessions=2), Pair("pair-2", CARA, DAN, round=1, sessions=1)]
    stage.withdrawn = stage.pairs[0]
    stage.rounds = [Round(1, [], [{"participant": DAN.id, "role": "mentee", "reasons": ["Nobody free"]}], 1.0, 1.5)]
    stage.trace = assemble("t", [Span("t", "a", None, "POST", "server", "enrollment", 0, 1)])
    stage.subscriber.take(
        [
            told("ParticipantEnrolled", 0, participant=ANNA.id, role="mentor", region="Europe"),
            told("ParticipantEnrolled", 0, participant=CARA.id, role="mentor", region="Europe"),
            told("SessionLogged", 9, pair="pair-1", number=1, minutes=50),
            told("PairCreated", 1, pair="pair-1"),
            told("PairCreated", 1, pair="pair-2"),
            told("FeedbackSubmitted", 10, region="Asia", instrument="pulse"),
            told("ParticipantWithdrawn", 20, participant=ANNA.id),
            Heard("other", "viceversa.PairCreated.v1", "/viceversa/local/matching", START, None, {"program": "other"}),
        ]
    )
    return stage


def test_the_file_has_the_figures_by_name(stage, tmp_path):
    file = tmp_path / "new" / "summary.json"

    summarise(stage, 12.345).write(file)

    assert json.loads(file.read_text()) == {
        "participants": 4,
        "rejected_rows": 0,
        "pairs": 2,
        "unmatched": 1,
        "sessions_logged": 3,
        "sessions_cancelled": 0,
        "feedback": 0,
        "rematches": 0,
        "public_events": {
            "FeedbackSubmitted": 1,
            "PairCreated": 2,
            "ParticipantEnrolled": 2,
            "ParticipantWithdrawn": 1,
            "SessionLogged": 1,
        },
        "dead_letters": 0,
        "trace": {"trace_id": "t", "spans": 1, "services": ["enrollment"], "orphans": 0},
        "seconds": 12.3,
    }


def test_a_pair_counts_in_the_region_of_its_mentor_and_an_answer_where_it_was_given(stage):
    figures = {one.region: one for one in by_region(stage)}

    assert list(figures) == list(REGIONS)
    europe, asia = figures["Europe"], figures["Asia"]
    assert (europe.mentors, europe.mentees, europe.pairs, europe.across) == (2, 1, 2, 1)
    assert (europe.sessions, europe.answers, europe.waiting) == (3, 0, 1)
    assert (asia.mentees, asia.pairs, asia.answers) == (1, 0, 1)


def test_the_journey_has_what_others_heard_of_the_pair_and_its_two_sides_in_order(stage):
    steps = journey(stage)

    assert [step.event for step in steps] == [
        "ParticipantEnrolled, as mentor in Europe",
        "PairCreated",
        "SessionLogged, number 1, 50 minutes",
        "ParticipantWithdrawn",
    ]
    assert [step.service for step in steps] == ["enrollment", "matching", "sessions", "enrollment"]


def test_a_story_that_broke_off_early_has_figures_too(stage):
    stage.rounds, stage.pairs, stage.withdrawn = [], [], None

    assert summarise(stage, 1).unmatched == 0
    assert journey(stage) == []
    assert sum(one.pairs for one in by_region(stage)) == 0
