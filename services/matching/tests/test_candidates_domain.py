"""Given what enrollment tells, in any order of its topics, then a candidate is in the pool once all is known."""

import base64
import json
from datetime import UTC, datetime
from itertools import permutations
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from events.contracts.kinds import Role
from matching.domain.candidate import CandidateProfileSet, RoundMissed, candidate_stream
from matching.transport import SealBroken, opener


def _sealed(participant, **content):
    text = json.dumps(content).encode()
    sealed = AESGCM(bytes(range(32))).encrypt(bytes(12), text, str(participant).encode())
    return base64.b64encode(bytes(12) + sealed).decode()


NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_sign_up_and_profile_come_in_any_order(memory, sample, order):
    enrolled, _, profile = sample.person(Role.MENTOR, capacity=2)
    candidate = candidate_stream(sample.people[0])
    for index in order:
        assert memory.state(candidate).free_places == 0
        memory.hear((enrolled, profile)[index])
    assert memory.state(candidate).free_places == 2


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_who_left_never_comes_back_in_whichever_order_it_is_heard(memory, sample, order):
    enrolled, _, profile = sample.person(Role.MENTOR)
    messages = (enrolled, profile, sample.withdrawn(sample.people[0]))
    for index in order:
        memory.hear(messages[index])
    assert memory.state(candidate_stream(sample.people[0])).free_places == 0


def test_hearing_it_again_changes_nothing(memory, sample):
    enrolled, _, profile = sample.person(Role.MENTEE)
    withdrawn = sample.withdrawn(sample.people[0])
    for message in (sample.program_opened, enrolled, profile, withdrawn, sample.program_closed):
        assert memory.hear(message)
        assert memory.hear(message) == []


def test_a_new_profile_takes_the_place_of_the_old_one(memory, sample, joining):
    mentor = joining(Role.MENTOR)
    memory.hear(sample.profile(mentor, Role.MENTOR, capacity=3))
    assert memory.state(candidate_stream(mentor)).free_places == 3


def test_a_smaller_capacity_takes_no_place_away_that_is_held(memory, sample, joining):
    mentor = joining(Role.MENTOR, capacity=2)
    joining(Role.MENTEE), joining(Role.MENTEE)
    memory.publish(sample, memory.draft(sample))
    memory.hear(sample.profile(mentor, Role.MENTOR, capacity=1))
    candidate = memory.state(candidate_stream(mentor))
    assert (len(candidate.partners), candidate.free_places) == (2, 0)


def test_profile_and_identity_belong_to_the_subject_and_are_gone_with_their_key(memory, sample):
    enrolled, _, profile = sample.person(Role.MENTOR, identity={"identity": "x", "wish": "yes"})
    memory.hear(enrolled)
    [event] = memory.hear(profile)
    assert CandidateProfileSet.personal == {"profile": "subject", "identity": "subject"}
    assert event.subject == sample.subjects[sample.people[0]]
    candidate = candidate_stream(sample.people[0])
    assert memory.state(candidate).identity.shared == "x"
    erased = event.model_copy(update={"profile": None, "identity": None})
    forgotten = candidate.category.evolve(memory.state(candidate), erased)
    assert forgotten.free_places == 0


@pytest.mark.parametrize(
    ("identity", "shared"),
    [
        ({"identity": " Deaf ", "wish": "yes"}, "deaf"),
        ({"identity": "Deaf"}, None),
        ({"wish": "yes"}, None),
        (None, None),
    ],
)
def test_an_identity_is_used_only_where_it_was_asked_for(memory, sample, identity, shared):
    _, _, profile = sample.person(Role.MENTOR, identity=identity)
    memory.hear(profile)
    candidate = memory.state(candidate_stream(sample.people[0]))
    assert (candidate.identity and candidate.identity.shared) == shared


def test_an_identity_sealed_for_somebody_else_or_with_another_key_does_not_open(sample):
    _, _, profile = sample.person(Role.MENTOR, identity={"identity": "x", "wish": "yes"})
    for key, participant in ((bytes(range(32)), uuid4()), (bytes(32), profile.participant)):
        with pytest.raises(SealBroken):
            opener(key)(participant, profile.identity)
    for broken in ("", "!", profile.identity[:20], profile.identity[:-4] + "AAAA"):
        with pytest.raises(SealBroken):
            opener(bytes(range(32)))(profile.participant, broken)


def test_what_is_no_identity_is_refused_without_being_told(sample):
    participant = sample.person(Role.MENTOR)[0].participant
    with pytest.raises(SealBroken) as refused:
        opener(bytes(range(32)))(participant, _sealed(participant, identity=["canary"]))
    assert "canary" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_an_identity_may_say_more_than_is_known_here(sample):
    participant = sample.person(Role.MENTOR)[0].participant
    opened = opener(bytes(range(32)))(participant, _sealed(participant, identity="x", wish="yes", since="2027"))
    assert opened.shared == "x"


def test_a_missed_round_counts_once(memory, sample, joining):
    joining(Role.MENTEE)
    round_id = memory.draft(sample)
    memory.publish(sample, round_id)
    memory.follow_up(round_id)
    assert len(memory.all(RoundMissed)) == 1
