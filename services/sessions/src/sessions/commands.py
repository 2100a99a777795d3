"""Which streams each command loads and what it decides over them."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from events.contracts.kinds import Role
from events.contracts.matching import PairCreated
from events.runtime.private_events import Event
from events.runtime.streams import Appends, Command, Stream, Streams
from sessions.domain import engagement as engagements
from sessions.domain import participation as participations
from sessions.domain.engagement import ENGAGEMENT, Engagement, Taught
from sessions.domain.participation import PARTICIPATION


def begin(created: PairCreated, *, now: datetime) -> Command:
    """A pair was made: its engagement begins, and both sides' participations know of it."""
    engagement = ENGAGEMENT.stream(created.pair)
    sides = (PARTICIPATION.stream(created.mentor), PARTICIPATION.stream(created.mentee))
    begun = engagements.EngagementBegun(
        program=created.program,
        mentor=created.mentor,
        mentee=created.mentee,
        mentor_region=created.mentor_region,
        mentee_region=created.mentee_region,
    )

    def decide(streams: Streams) -> Appends:
        somebody_left = any(streams[side].left for side in sides)
        for event in engagements.begin(streams[engagement], begun, somebody_left=somebody_left):
            yield engagement, event
        for side in sides:
            for event in participations.join(streams[side], created.pair):
                yield side, event

    return Command(loads=(engagement, *sides), decide=decide, at=now, correlation=created.pair)


def end(pair: UUID, *, now: datetime) -> Command:
    """The pair meets no more."""
    return _of_engagement(pair, engagements.end, now=now)


def leave(participant: UUID, *, now: datetime) -> Command:
    """A participant withdrew: everything that they had planned falls away."""
    participation = PARTICIPATION.stream(participant)

    def joined(streams: Streams) -> list[Stream[Engagement]]:
        return [ENGAGEMENT.stream(pair) for pair in streams[participation].engagements]

    def decide(streams: Streams) -> Appends:
        for event in participations.leave(streams[participation]):
            yield participation, event
        for engagement in joined(streams):
            for event in engagements.end(streams[engagement]):
                yield engagement, event

    return Command(loads=(participation,), also=joined, decide=decide, at=now)


def propose_agreement(
    pair: UUID, proposal: engagements.AgreementProposed, *, now: datetime, actor: UUID, expected: int
) -> Command:
    """One side proposes, and signs by it."""
    return _of_engagement(
        pair,
        lambda engagement: engagements.propose_agreement(engagement, proposal),
        now=now,
        actor=actor,
        expected=expected,
    )


def sign_agreement(pair: UUID, *, by: Role, now: datetime, actor: UUID, expected: int) -> Command:
    """The other side signs what it read: `expected` is the version it saw."""
    return _of_engagement(
        pair,
        lambda engagement: engagements.sign_agreement(engagement, by=by, now=now),
        now=now,
        actor=actor,
        expected=expected,
    )


def plan_session(
    pair: UUID,
    session: UUID,
    *,
    starts_at: datetime,
    minutes: int,
    now: datetime,
    actor: UUID,
    expected: int,
) -> Command:
    """A side plans a session whose id was drawn for it."""
    return _of_engagement(
        pair,
        lambda engagement: engagements.plan_session(
            engagement, session=session, starts_at=starts_at, minutes=minutes, now=now
        ),
        now=now,
        actor=actor,
        expected=expected,
    )


def cancel_session(
    pair: UUID, session: UUID, *, by: Role, reason: str | None, now: datetime, actor: UUID, expected: int
) -> Command:
    """A side calls a session off; `actor` is the author of the reason."""
    return _of_engagement(
        pair,
        lambda engagement: engagements.cancel_session(engagement, session=session, by=by, author=actor, reason=reason),
        now=now,
        actor=actor,
        expected=expected,
    )


def log_session(
    pair: UUID,
    session: UUID,
    *,
    held_at: datetime,
    minutes: int,
    taught: Taught,
    now: datetime,
    actor: UUID,
    expected: int,
) -> Command:
    """A side says how a session went; `actor` is the author of the topics."""
    return _of_engagement(
        pair,
        lambda engagement: engagements.log_session(
            engagement, session=session, held_at=held_at, minutes=minutes, taught=taught, author=actor, now=now
        ),
        now=now,
        actor=actor,
        expected=expected,
    )


def _of_engagement(
    pair: UUID,
    decide: Callable[[Engagement], list[Event]],
    *,
    now: datetime,
    actor: UUID | None = None,
    expected: int | None = None,
) -> Command:
    engagement = ENGAGEMENT.stream(pair)
    return Command(
        loads=(engagement,),
        requires=(engagement,),
        decide=lambda streams: [(engagement, event) for event in decide(streams[engagement])],
        at=now,
        correlation=pair,
        actor=actor,
        expected={} if expected is None else {pair: expected},
    )
