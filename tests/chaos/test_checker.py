"""The checker names what was spoilt, and finds nothing where nothing was."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chaos.checker.evidence import Dead, Evidence, Rebuilt, Store, StoredEvent, Waiting
from chaos.checker.judge import judge
from chaos.checker.routes import ce_id
from chaos.journal import Asked, Effect, Outcome, Record
from chaos.sample import AT, ENROLLED, LEFT, PERSON, PROFILE, good, told

OTHER_TRACE = f"00-{'f' * 32}-b7ad6b7169203331-01"


def with_store(evidence: Evidence, service: str, **changed: Any) -> Evidence:
    return replace(evidence, stores={**evidence.stores, service: replace(evidence.stores[service], **changed)})


def without_event(evidence: Evidence, service: str, event_id: str) -> Evidence:
    return with_store(
        evidence, service, events=[event for event in evidence.stores[service].events if event.id != event_id]
    )


def changed_event(evidence: Evidence, service: str, event_id: str, **changed: Any) -> Evidence:
    events = [replace(event, **changed) if event.id == event_id else event for event in evidence.stores[service].events]
    return with_store(evidence, service, events=events)


def without_inbox(evidence: Evidence, consumer: str, event_id: str) -> Evidence:
    inbox = [row for row in evidence.stores["matching"].inbox if (row.consumer, row.event_id) != (consumer, event_id)]
    return with_store(evidence, "matching", inbox=inbox)


def moved_inbox(evidence: Evidence, event_id: str) -> Evidence:
    inbox = [
        replace(row, place=(77, 7)) if row.event_id == event_id else row for row in evidence.stores["matching"].inbox
    ]
    return with_store(evidence, "matching", inbox=inbox)


def with_row(evidence: Evidence, table: str, **changed: Any) -> Evidence:
    tables = evidence.stores["matching"].tables
    return with_store(evidence, "matching", tables={**tables, table: [{**tables[table][0], **changed}]})


def asked_of_nothing(evidence: Evidence, outcome: Outcome) -> Evidence:
    lost = Asked(9, "plan", Effect("sessions", "SessionPlanned", {"stream": PERSON}), outcome)
    stores = {**evidence.stores, "sessions": Store()}
    return replace(evidence, record=replace(evidence.record, commands=(*evidence.record.commands, lost)), stores=stores)


def letter(event_id: str, reason: str = "MalformedMessage", offset: int = 0) -> Dead:
    return Dead("reactor", event_id, PERSON, "viceversa.enrollment.v1", 0, offset, reason, discarded=False)


def buried(evidence: Evidence, event_id: str, **changed: Any) -> Evidence:
    return with_store(without_inbox(evidence, "reactor", event_id), "matching", dead=[letter(event_id, **changed)])


ENROLLED_ID = ce_id(ENROLLED, "ParticipantEnrolled")
LEFT_ID = ce_id(LEFT, "ParticipantWithdrawn")
REACTED_TO_ENROLLED = good().stores["matching"].events[0].id

SPOILT: dict[str, tuple[str, str, Callable[[Evidence], Evidence]]] = {
    "an acknowledged command's event is lost": ("1", "3 (ok)", lambda e: without_event(e, "enrollment", PROFILE)),
    "what an acknowledged command gave is told to nobody": (
        "1",
        "0 (ok)",
        lambda e: replace(e, topic=[record for record in e.topic if "unit" not in record.data]),
    ),
    "what an acknowledged command gave is told as two events": (
        "1",
        "is there 2 times",
        lambda e: replace(
            e, topic=[*e.topic, replace(e.topic[2], headers={**e.topic[2].headers, "ce_id": ce_id(PROFILE, "twin")})]
        ),
    ),
    "an acknowledged command's event is there twice": (
        "1",
        "is there 2 times",
        lambda e: with_store(
            e,
            "enrollment",
            events=[
                *e.stores["enrollment"].events,
                replace(e.stores["enrollment"].events[1], id=ce_id(PROFILE, "twin"), version=4, place=(13, 9)),
            ],
        ),
    ),
    "a refused command was carried out": (
        "1",
        "2 (failed)",
        lambda e: replace(e, topic=[*e.topic[:2], replace(e.topic[2], data={"unit": "Board"}), *e.topic[3:]]),
    ),
    "an acknowledged command left nothing at all": ("1", "events none", lambda e: asked_of_nothing(e, Outcome.OK)),
    "a stream has a gap": ("2", PERSON, lambda e: changed_event(e, "enrollment", LEFT, version=5)),
    "the log holds version 2 before 1": (
        "2",
        "[2, 1, 3]",
        lambda e: with_store(
            e,
            "enrollment",
            events=[
                e.stores["enrollment"].events[1],
                e.stores["enrollment"].events[0],
                e.stores["enrollment"].events[2],
            ],
        ),
    ),
    "a published event is on no topic": ("2", LEFT_ID, lambda e: replace(e, topic=e.topic[:-1])),
    "a topic tells of what no store holds": ("2", "is in no store", lambda e: without_event(e, "enrollment", LEFT)),
    "a version overtakes another": (
        "2",
        ENROLLED_ID,
        lambda e: replace(e, topic=[replace(e.topic[4], offset=0), *e.topic[1:4], replace(e.topic[0], offset=9)]),
    ),
    "a key has moved to another partition": (
        "2",
        "another partition",
        lambda e: replace(e, topic=[*e.topic[:4], replace(e.topic[4], partition=2)]),
    ),
    "a record says another version than its store": (
        "2",
        LEFT_ID,
        lambda e: replace(
            e, topic=[*e.topic[:4], replace(e.topic[4], headers={**e.topic[4].headers, "ce_sequence": "0000000009"})]
        ),
    ),
    "a projection differs from its source": ("3", "matching.members", lambda e: with_row(e, "members", active=True)),
    "a projection counted twice": ("3", "matching.candidates", lambda e: with_row(e, "candidates", places_held=1)),
    "a projection differs from itself rebuilt": (
        "3",
        "{'participant': 'a'}",
        lambda e: replace(e, rebuilt=[Rebuilt("matching.members", 4, 1, 1, ["{'participant': 'a'}"])]),
    ),
    "a projection lacks a row": ("3", "lacks", lambda e: with_store(e, "matching", tables={})),
    "an effect stands in another transaction than its inbox row": (
        "4",
        ENROLLED_ID,
        lambda e: moved_inbox(e, ENROLLED_ID),
    ),
    "an effect happened again": (
        "4",
        ENROLLED_ID,
        lambda e: with_store(
            e,
            "matching",
            events=[
                *e.stores["matching"].events,
                replace(e.stores["matching"].events[0], id=ce_id(LEFT, "again"), version=4, place=(88, 8)),
            ],
        ),
    ),
    "an event was taken in and had no effect": (
        "4",
        f"{ENROLLED_ID} caused CandidateEnrolled 0 times",
        lambda e: without_event(e, "matching", REACTED_TO_ENROLLED),
    ),
    "a trace is cut between services": (
        "5",
        REACTED_TO_ENROLLED,
        lambda e: changed_event(
            e,
            "matching",
            REACTED_TO_ENROLLED,
            metadata={"at": AT, "traceparent": OTHER_TRACE, "causation": ENROLLED_ID},
        ),
    ),
    "a trace begins with nobody": (
        "5",
        LEFT,
        lambda e: changed_event(e, "enrollment", LEFT, metadata={"at": AT, "traceparent": OTHER_TRACE}),
    ),
    "a message left its trace on the way": (
        "5",
        LEFT_ID,
        lambda e: with_store(
            e,
            "matching",
            inbox=[
                replace(row, headers={**row.headers, "traceparent": OTHER_TRACE}) if row.event_id == LEFT_ID else row
                for row in e.stores["matching"].inbox
            ],
        ),
    ),
    "a message was lost": ("6", f"{LEFT_ID}", lambda e: without_inbox(e, "membership", LEFT_ID)),
    "a good message is a dead letter": ("6", "nothing was wrong", lambda e: buried(e, LEFT_ID)),
    "a dead letter does not say why": ("6", "does not say why", lambda e: buried(e, LEFT_ID, reason="")),
    "a message passed the dead letter of its key": ("6", f"{LEFT_ID} of key", lambda e: buried(e, ENROLLED_ID)),
    "a message waits for nothing": (
        "6",
        "waits for nothing",
        lambda e: with_store(
            without_inbox(e, "membership", LEFT_ID), "matching", waiting=[Waiting("membership", LEFT_ID, PERSON, None)]
        ),
    ),
    "what has no id is no dead letter": (
        "6",
        "without an id",
        lambda e: replace(e, topic=[*e.topic, replace(e.topic[0], offset=9, headers={"ce_type": "x"})]),
    ),
    "a consumer is behind": ("7", "is 3 messages behind", lambda e: replace(e, behind={"matching.reactor t/0": 3})),
    "a relay is behind": (
        "7",
        f"before event {LEFT}",
        lambda e: with_store(e, "enrollment", cursors={"relay": (10, 2), "projection participants": (12, 3)}),
    ),
    "a projection stands still": (
        "7",
        "projection participants",
        lambda e: with_store(e, "enrollment", cursors={"relay": (12, 3), "projection participants": (0, 0)}),
    ),
    "a partition stands still": ("7", "stands still", lambda e: replace(e, stood_still=["reactor t/0"])),
    "recovery took too long": ("7", "it took 31.0 s", lambda e: replace(e, recovery_seconds=31.0)),
}


def test_nothing_is_said_against_a_platform_on_which_nothing_went_wrong():
    findings = judge(good())
    assert [finding.violations for finding in findings] == [()] * 7
    assert all(finding.checked for finding in findings)


@pytest.mark.parametrize("what", SPOILT)
def test_the_invariant_that_was_spoilt_is_named_with_what_spoils_it(what: str):
    number, named, spoil = SPOILT[what]
    violations = {finding.name[0]: finding.violations for finding in judge(spoil(good()))}
    assert any(named in violation for violation in violations[number]), violations


def test_an_unknown_command_may_have_been_carried_out_or_not():
    for evidence in (good(), asked_of_nothing(good(), Outcome.UNKNOWN)):
        assert judge(evidence)[0].violations == ()


def test_a_resend_repeats_and_does_not_overtake():
    evidence = good()
    again = [replace(record, offset=record.offset + 10) for record in evidence.topic]
    assert judge(replace(evidence, topic=[*evidence.topic, *again]))[1].violations == ()


def test_a_poison_message_is_a_dead_letter_and_its_key_may_wait_behind_it():
    evidence = good()
    poison = replace(
        told(ENROLLED, "ParticipantEnrolled", 3),
        headers={"ce_id": ce_id(LEFT, "poison"), "ce_type": "viceversa.ParticipantEnrolled.v1"},
    )
    poisoned = replace(
        with_store(
            without_inbox(without_inbox(evidence, "reactor", LEFT_ID), "membership", LEFT_ID),
            "matching",
            events=evidence.stores["matching"].events[:2],
            dead=[letter(poison.id, offset=3), replace(letter(poison.id, offset=3), consumer="membership")],
            waiting=[Waiting(consumer, LEFT_ID, PERSON, None) for consumer in ("reactor", "membership")],
        ),
        topic=[*evidence.topic[:4], poison, evidence.topic[4]],
        record=replace(evidence.record, poison=frozenset({poison.id})),
    )
    losses = judge(poisoned)[5]
    others = [
        violation for violation in losses.violations if "sessions" not in violation and "feedback" not in violation
    ]
    assert others == []


def test_a_batch_of_the_clock_is_a_root():
    told_of = {"at": AT, "traceparent": OTHER_TRACE}
    event = StoredEvent(ce_id(LEFT, "announced"), PERSON, 1, "SubmissionAnnounced", {}, told_of, (50, 9))
    evidence = replace(good(), stores={**good().stores, "feedback": Store(events=[event])})
    assert judge(evidence)[4].violations == ()


def test_an_event_in_no_trace_has_no_root():
    event = StoredEvent(ce_id(LEFT, "announced"), PERSON, 1, "SubmissionAnnounced", {}, {"at": AT}, (50, 9))
    evidence = replace(good(), stores={**good().stores, "feedback": Store(events=[event])})
    assert event.id in judge(evidence)[4].violations[0]


def test_a_source_that_cannot_be_folded_is_named():
    evidence = changed_event(good(), "enrollment", ENROLLED, data={})
    assert any("enrollment.participants cannot be folded" in violation for violation in judge(evidence)[2].violations)


def test_what_nobody_did_is_counted_as_nothing():
    assert Record().counts == {"ok": 0, "failed": 0, "unknown": 0}
