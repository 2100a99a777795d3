"""Reads over the projections: a person's engagements, what they have to do next, and a program's counts."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, and_, func, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.kinds import Role
from events.membership.tables import members
from events.runtime.database import any_of
from sessions.domain.engagement import SessionState
from sessions.projections import engagements, programs, sessions


@dataclass(frozen=True, slots=True)
class ListedSession:
    """`starts_at` is the plan until the session was held, then when that was."""

    session: UUID
    state: SessionState
    starts_at: datetime
    minutes: int
    number: int | None

    @property
    def ends_at(self) -> datetime:
        """When it is or was over."""
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class ListedEngagement:
    """One engagement as one of its sides sees it."""

    pair: UUID
    program: UUID
    participant: UUID
    role: Role
    over: bool
    begun_at: datetime
    proposed_by: Role | None
    cadence_days: int | None
    agreed_at: datetime | None
    version: int
    program_cadence_days: int | None
    """None, like the next, until the program's opening is known here."""
    sessions_per_pair: int | None
    program_over: bool
    sessions: Sequence[ListedSession]


@dataclass(frozen=True, slots=True)
class NextStep:
    """Something that waits for a person. `pair` says where."""

    kind: str
    title: str
    pair: UUID
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Count:
    """A number, and how many people stand behind it."""

    number: int
    people: int

    def shown_from(self, threshold: int) -> int | None:
        """The number; None when so few stand behind it that it would speak of them one by one."""
        return self.number if self.people == 0 or self.people >= threshold else None


@dataclass(frozen=True, slots=True)
class Health:
    """How far the engagements of a program have come."""

    threshold: int
    engagements: Count
    agreed: Count
    sessions_logged: Count
    sessions_cancelled: Count


async def side(conn: AsyncConnection, subject: UUID, mentor: UUID, mentee: UUID) -> Role | None:
    """Which side of a pair a subject is. None for everybody else."""
    participant = await conn.scalar(
        select(members.c.participant).where(
            members.c.subject == subject, members.c.participant == any_of("sides", Uuid())
        ),
        {"sides": [mentor, mentee]},
    )
    if participant is None:
        return None
    return Role.MENTOR if participant == mentor else Role.MENTEE


async def engagements_of(
    conn: AsyncConnection, subject: UUID, *, after: UUID | None = None, limit: int | None = None
) -> list[ListedEngagement]:
    """A subject's engagements in every program, past ones too, ordered by pair."""
    rows = (
        await conn.execute(
            select(
                engagements,
                members.c.participant,
                programs.c.sessions_per_pair,
                programs.c.cadence_days.label("program_cadence_days"),
                programs.c.over.label("program_over"),
            )
            .join(
                members,
                or_(members.c.participant == engagements.c.mentor, members.c.participant == engagements.c.mentee),
            )
            .outerjoin(programs, programs.c.program == engagements.c.program)
            .where(members.c.subject == subject, engagements.c.pair > after if after else true())
            .order_by(engagements.c.pair)
            .limit(limit)
        )
    ).all()
    sessions_of = await _sessions_of(conn, [row.pair for row in rows])
    return [
        ListedEngagement(
            pair=row.pair,
            program=row.program,
            participant=row.participant,
            role=Role.MENTOR if row.participant == row.mentor else Role.MENTEE,
            over=row.over,
            begun_at=row.begun_at,
            proposed_by=Role(row.proposed_by) if row.proposed_by else None,
            cadence_days=row.cadence_days,
            agreed_at=row.agreed_at,
            version=row.version,
            program_cadence_days=row.program_cadence_days,
            sessions_per_pair=row.sessions_per_pair,
            program_over=bool(row.program_over),
            sessions=sessions_of[row.pair],
        )
        for row in rows
    ]


async def _sessions_of(conn: AsyncConnection, pairs: Sequence[UUID]) -> Mapping[UUID, list[ListedSession]]:
    rows = await conn.execute(
        select(sessions)
        .where(sessions.c.pair == any_of("pairs", Uuid()))
        .order_by(sessions.c.starts_at, sessions.c.session),
        {"pairs": pairs},
    )
    found: defaultdict[UUID, list[ListedSession]] = defaultdict(list)
    for row in rows:
        found[row.pair].append(
            ListedSession(row.session, SessionState(row.state), row.starts_at, row.minutes, row.number)
        )
    return found


def next_steps(engagement: ListedEngagement, now: datetime) -> Iterator[NextStep]:
    """What waits for this side: its signature, a session to log, or the next one to plan.

    A program that is over wants nothing new of its pairs; what they planned is still logged or cancelled.
    """
    pair = engagement.pair
    if engagement.over:
        return
    planned = [session for session in engagement.sessions if session.state is SessionState.PLANNED]
    held = [session for session in engagement.sessions if session.state is SessionState.HELD]
    for session in planned:
        if session.ends_at <= now:
            yield NextStep("log_session", "Log the session you held, or cancel it", pair, session.ends_at)
    if engagement.program_over:
        return
    if engagement.agreed_at is None:
        due_at = _after(engagement.begun_at, engagement.program_cadence_days)
        if engagement.proposed_by is None:
            yield NextStep("propose_agreement", "Propose how the two of you want to work together", pair, due_at)
        elif engagement.proposed_by is not engagement.role:
            yield NextStep(
                "sign_agreement", "Read the proposed agreement, and sign it or propose another", pair, due_at
            )
        return
    complete = engagement.sessions_per_pair is not None and len(held) >= engagement.sessions_per_pair
    if not planned and not complete:
        last = max((session.starts_at for session in held), default=engagement.agreed_at)
        yield NextStep("plan_session", "Plan your next session", pair, _after(last, engagement.cadence_days))


def _after(start: datetime, days: int | None) -> datetime | None:
    return None if days is None else start + timedelta(days=days)


async def health(conn: AsyncConnection, program: UUID, regions: Collection[str] | None) -> Health | None:
    """Counts over the engagements that touch one of the regions (None: all). None when the program is not known."""
    threshold = await conn.scalar(select(programs.c.rating_threshold).where(programs.c.program == program))
    if threshold is None:
        return None
    chosen: ColumnElement[bool] = engagements.c.program == program
    if regions is not None:
        touched = func.any(literal(list(regions), ARRAY(Text)))
        chosen = and_(chosen, or_(engagements.c.mentor_region == touched, engagements.c.mentee_region == touched))
    agreed = engagements.c.agreed_at.is_not(None)
    of_pairs = (await conn.execute(select(*_count(true()), *_count(agreed)).where(chosen))).one()
    of_sessions = (
        await conn.execute(
            select(
                *_count(sessions.c.state == SessionState.HELD.value),
                *_count(sessions.c.state == SessionState.CANCELLED.value),
            )
            .select_from(sessions.join(engagements, sessions.c.pair == engagements.c.pair))
            .where(chosen)
        )
    ).one()
    return Health(
        threshold, Count(*of_pairs[:2]), Count(*of_pairs[2:]), Count(*of_sessions[:2]), Count(*of_sessions[2:])
    )


def _count(condition: ColumnElement[bool]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    # A participant is on one side in all their engagements of a program, so nobody counts twice.
    people = func.count(engagements.c.mentor.distinct()).filter(condition) + func.count(
        engagements.c.mentee.distinct()
    ).filter(condition)
    return func.count().filter(condition), people
