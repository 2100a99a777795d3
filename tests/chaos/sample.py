"""Evidence of a small platform on which nothing went wrong, for the checker's tests to spoil."""

from chaos.checker.evidence import Evidence, Store, StoredEvent, Taken, Told
from chaos.checker.routes import ce_id, ce_type, topic_of
from chaos.journal import Asked, Effect, Outcome, Record

PROGRAM = "00000000-0000-4000-8000-000000000001"
SUBJECT = "00000000-0000-4000-8000-000000000002"
PERSON = "00000000-0000-4000-8000-000000000003"
ENROLLED = "00000000-0000-4000-8000-000000000011"
PROFILE = "00000000-0000-4000-8000-000000000012"
LEFT = "00000000-0000-4000-8000-000000000013"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
AT = "2027-03-01T09:00:00+00:00"

_PUBLIC = {
    (ENROLLED, "ParticipantEnrolled"): {"participant": PERSON, "program": PROGRAM, "region": "EMEA", "role": "mentor"},
    (ENROLLED, "ParticipantLinked"): {"participant": PERSON, "program": PROGRAM, "subject": SUBJECT},
    (PROFILE, "WorkProfileSet"): {"participant": PERSON, "program": PROGRAM, "unit": "Sales"},
    (PROFILE, "MatchingProfileSet"): {"participant": PERSON, "program": PROGRAM, "role": "mentor"},
    (LEFT, "ParticipantWithdrawn"): {"participant": PERSON, "program": PROGRAM},
}
_VERSIONS = {ENROLLED: 1, PROFILE: 2, LEFT: 3}
_METADATA = {"at": AT, "traceparent": PARENT}


def good() -> Evidence:
    """Somebody enrolled and left; matching heard of it."""
    where = {"program": PROGRAM, "subject": SUBJECT, "role": "mentor", "region": "EMEA"}
    enrollment = Store(
        events=[
            StoredEvent(ENROLLED, PERSON, 1, "ParticipantEnrolled", where, _METADATA, (10, 1)),
            StoredEvent(PROFILE, PERSON, 2, "ProfileGiven", where, _METADATA, (10, 2)),
            StoredEvent(LEFT, PERSON, 3, "ParticipantWithdrew", where, _METADATA, (12, 3)),
        ],
        cursors={"relay": (12, 3), "projection participants": (12, 3)},
        tables={"participants": [{"participant": PERSON, "program": PROGRAM, "region": "EMEA"}]},
    )
    commands = (
        Asked(0, "enroll", Effect("enrollment", "told WorkProfileSet", {"unit": "Sales"}), Outcome.OK),
        Asked(1, "withdraw", Effect("enrollment", "ParticipantWithdrew", {"stream": PERSON}), Outcome.UNKNOWN),
        Asked(2, "enroll", Effect("enrollment", "told WorkProfileSet", {"unit": "Board"}), Outcome.FAILED),
        Asked(3, "enroll", Effect("enrollment", "ProfileGiven", {"region": "EMEA"}), Outcome.OK),
    )
    return Evidence(
        record=Record(commands, frozenset({TRACE})),
        stores={"enrollment": enrollment, "matching": _matching()},
        topic=[told(private, contract, number) for number, (private, contract) in enumerate(_PUBLIC)],
        behind={"matching.reactor viceversa.enrollment.v1/0": 0},
        recovery_seconds=3.0,
    )


def told(private: str, contract: str, offset: int) -> Told:
    """The record of one event."""
    headers = {
        "ce_id": ce_id(private, contract),
        "ce_type": ce_type(contract),
        "ce_sequence": f"{_VERSIONS[private]:010d}",
        "ce_traceparent": PARENT,
        "traceparent": PARENT,
    }
    return Told(topic_of("enrollment", contract), 0, offset, PERSON, headers, _PUBLIC[private, contract])


def _matching() -> Store:
    events = []
    inbox = []
    reactions = {
        "ParticipantEnrolled": "CandidateEnrolled",
        "MatchingProfileSet": "CandidateProfileSet",
        "ParticipantWithdrawn": "CandidateWithdrew",
    }
    for place, ((private, contract), data) in enumerate(_PUBLIC.items(), 20):
        record = told(private, contract, 0)
        if contract in reactions:
            version = len(events) + 1
            caused = {**_METADATA, "causation": record.id}
            event_id = f"00000000-0000-4000-8000-0000000001{place}"
            events.append(StoredEvent(event_id, PERSON, version, reactions[contract], data, caused, (place, version)))
            inbox.append(Taken("reactor", record.id, record.headers, data, (place, 1)))
        if not contract.endswith("ProfileSet"):
            inbox.append(Taken("membership", record.id, record.headers, data, (place + 100, 2)))
    return Store(
        events=events,
        inbox=inbox,
        cursors={"relay": (99, 1), "projection candidates": (99, 1)},
        tables={
            "members": [
                {"participant": PERSON, "program": PROGRAM, "subject": SUBJECT, "region": "EMEA", "role": "mentor"}
                | {"active": False}
            ],
            "candidates": [
                {"participant": PERSON, "program": PROGRAM, "role": "mentor", "enrolled": True, "profiled": True}
                | {"withdrawn": True, "places_held": 0, "confirmed": 0}
            ],
        },
    )
