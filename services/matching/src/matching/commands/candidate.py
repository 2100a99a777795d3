"""Participants come, change and leave."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from events.contracts.enrollment import MatchingProfileSet, ParticipantEnrolled
from events.runtime.private_events import Event
from events.runtime.streams import Appends, Command, Stream, Streams
from matching.domain import candidate as domain
from matching.domain import ending, pair
from matching.domain.candidate import Candidate, CandidateEnrolled, CandidateProfileSet, Cause, Identity, Profile
from matching.domain.candidate import candidate_stream as stream_of


def enroll(enrolled: ParticipantEnrolled, *, now: datetime) -> Command:
    """Somebody takes part."""
    stream = stream_of(enrolled.participant)
    event = CandidateEnrolled(
        participant=enrolled.participant,
        program=enrolled.program,
        region=enrolled.region,
        role=enrolled.role,
        since=now,
    )
    return _decided(stream, lambda candidate: domain.enroll(candidate, event), now)


def set_profile(told: MatchingProfileSet, identity: Identity | None, *, now: datetime) -> Command:
    """Take over what a match is made from. `identity` is what was sealed in the message."""
    stream = stream_of(told.participant)
    event = CandidateProfileSet(
        participant=told.participant,
        program=told.program,
        subject=told.subject,
        region=told.region,
        role=told.role,
        profile=Profile(**{name: getattr(told, name) for name in Profile.model_fields}),
        identity=identity,
    )
    return _decided(stream, lambda candidate: domain.set_profile(candidate, event), now)


def withdraw(participant: UUID, program: UUID, *, now: datetime) -> Command:
    """Somebody left: every partner is free at once, open proposals close, and pairs end in the hour's batch."""
    leaving = stream_of(participant)

    def partners(streams: Streams) -> Iterator[tuple[UUID, Stream[Candidate]]]:
        return ((each, stream_of(partner)) for each, partner in streams[leaving].partners.items())

    def further(streams: Streams) -> Iterator[Stream[Any]]:
        for each, partner in partners(streams):
            yield from (pair.pair_stream(each), ending.ending_stream(each), partner)

    def decide(streams: Streams) -> Appends:
        events = domain.withdraw(streams[leaving], participant, program)
        yield from ((leaving, event) for event in events)
        for each, partner in partners(streams):
            proposal, due = pair.pair_stream(each), ending.ending_stream(each)
            yield from ((proposal, event) for event in pair.close(streams[proposal]))
            yield from ((due, event) for event in ending.let_end(streams[due], streams[proposal], now))
            freed = domain.release(streams[partner], partner.id, each, Cause.WITHDRAWN, now)
            yield from ((partner, event) for event in freed)

    return Command(loads=(leaving,), also=further, decide=decide, at=now)


def _decided(stream: Stream[Candidate], decide: Callable[[Candidate], list[Event]], now: datetime) -> Command:
    return Command(
        loads=(stream,), decide=lambda streams: [(stream, event) for event in decide(streams[stream])], at=now
    )
