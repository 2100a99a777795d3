"""What lists, to-dos and counts are read from: one row an engagement, a session and a program."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    TableValuedAlias,
    Text,
    Uuid,
    false,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events import membership
from events.contracts.enrollment import ProgramClosed, ProgramOpened
from events.runtime.consuming import Received
from events.runtime.database import any_of, unnest
from events.runtime.private_events import Recorded
from events.runtime.projecting import StoreProjection, TopicProjection
from sessions.domain.engagement import (
    AgreementProposed,
    AgreementSigned,
    EngagementBegun,
    EngagementEnded,
    SessionCancelled,
    SessionDropped,
    SessionLogged,
    SessionPlanned,
    SessionState,
)

metadata = MetaData()

engagements = Table(
    "engagements",
    metadata,
    Column("pair", Uuid, primary_key=True),
    Column("program", Uuid, nullable=False),
    Column("mentor", Uuid, nullable=False),
    Column("mentee", Uuid, nullable=False),
    Column("mentor_region", Text, nullable=False),
    Column("mentee_region", Text, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("proposed_by", Text),
    Column("cadence_days", Integer),
    Column("agreed_at", DateTime(timezone=True)),
    Column("over", Boolean, nullable=False, server_default=false()),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Index("engagements_program", "program"),
    Index("engagements_mentor", "mentor"),
    Index("engagements_mentee", "mentee"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session", Uuid, primary_key=True),
    Column("pair", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("number", Integer),
    Index("sessions_pair", "pair"),
)

programs = Table(
    "programs",
    metadata,
    Column("program", Uuid, primary_key=True),
    Column("cadence_days", Integer, nullable=False),
    Column("sessions_per_pair", Integer, nullable=False),
    Column("rating_threshold", Integer, nullable=False),
    Column("over", Boolean, nullable=False, server_default=false()),
)

Row = dict[str, Any]


def _new(name: str, table: Table, *columns: str) -> TableValuedAlias:
    # An UPDATE keeps the names of its own columns to itself, so parameters need others.
    return unnest(name, **{f"new_{column}": table.c[column].type for column in columns})


_BEGUN_COLUMNS = ("pair", "program", "mentor", "mentee", "mentor_region", "mentee_region", "begun_at")
_BEGUN = _new("begun", engagements, *_BEGUN_COLUMNS)
_BEGIN = insert(engagements).from_select(_BEGUN_COLUMNS, select(_BEGUN)).on_conflict_do_nothing()
_CHANGED = _new("changed", engagements, "pair", "proposed_by", "cadence_days", "agreed_at", "over", "version")
_CHANGE = (
    update(engagements)
    .where(engagements.c.pair == _CHANGED.c.new_pair)
    .values(
        proposed_by=func.coalesce(_CHANGED.c.new_proposed_by, engagements.c.proposed_by),
        cadence_days=func.coalesce(_CHANGED.c.new_cadence_days, engagements.c.cadence_days),
        agreed_at=func.coalesce(_CHANGED.c.new_agreed_at, engagements.c.agreed_at),
        over=or_(_CHANGED.c.new_over, engagements.c.over),
        version=_CHANGED.c.new_version,
    )
)
_PLANNED_COLUMNS = ("session", "pair", "state", "starts_at", "minutes")
_PLANNED = _new("planned", sessions, *_PLANNED_COLUMNS)
_PLAN = insert(sessions).from_select(_PLANNED_COLUMNS, select(_PLANNED)).on_conflict_do_nothing()
_SETTLED = _new("settled", sessions, "session", "state", "starts_at", "minutes", "number")
_SETTLE = (
    update(sessions)
    .where(sessions.c.session == _SETTLED.c.new_session)
    .values(
        state=_SETTLED.c.new_state,
        starts_at=func.coalesce(_SETTLED.c.new_starts_at, sessions.c.starts_at),
        minutes=func.coalesce(_SETTLED.c.new_minutes, sessions.c.minutes),
        number=_SETTLED.c.new_number,
    )
)

_CLOSE = update(programs).where(programs.c.program == any_of("closed", Uuid())).values(over=True)


async def apply_engagements(conn: AsyncConnection, recorded: Sequence[Recorded[Any]]) -> None:
    """Four statements a page at most: what is new before what changed, since one page may hold both."""
    begun: list[Row] = []
    changed: dict[UUID, Row] = {}
    planned: list[Row] = []
    settled: list[Row] = []
    for record in recorded:
        pair, event = record.stream_id, record.event
        change = changed.setdefault(pair, _unchanged(pair))
        change["version"] = record.version
        match event:
            case EngagementBegun():
                begun.append({"pair": pair, "begun_at": record.at, **event.model_dump()})
            case EngagementEnded():
                change["over"] = True
            case AgreementProposed():
                change |= {"proposed_by": event.by.value, "cadence_days": event.cadence_days}
            case AgreementSigned():
                change["agreed_at"] = event.signed_at
            case SessionPlanned():
                planned.append(_planned(pair, event))
            case SessionCancelled() | SessionDropped() | SessionLogged():
                settled.append(_settled(event))
    for statement, rows in ((_BEGIN, begun), (_CHANGE, list(changed.values())), (_PLAN, planned), (_SETTLE, settled)):
        if rows:
            await conn.execute(statement, {f"new_{column}": [row[column] for row in rows] for column in rows[0]})


def _unchanged(pair: UUID) -> Row:
    return {"pair": pair, "proposed_by": None, "cadence_days": None, "agreed_at": None, "over": False}


def _planned(pair: UUID, event: SessionPlanned) -> Row:
    state = SessionState.PLANNED.value
    return {"pair": pair, "state": state, **event.model_dump(include={"session", "starts_at", "minutes"})}


def _settled(event: SessionCancelled | SessionDropped | SessionLogged) -> Row:
    if isinstance(event, SessionLogged):
        held = {"state": SessionState.HELD.value, "starts_at": event.held_at}
        return {**held, **event.model_dump(include={"session", "minutes", "number"})}
    cancelled = SessionState.CANCELLED.value
    return {"session": event.session, "state": cancelled, "starts_at": None, "minutes": None, "number": None}


async def apply_programs(conn: AsyncConnection, received: Sequence[Received[Any]]) -> None:
    """A program opens once, what it froze then does not change, and it closes after that."""
    events = [message.event for message in received]
    opened = [
        event.model_dump(include={"program", "cadence_days", "sessions_per_pair", "rating_threshold"})
        for event in events
        if isinstance(event, ProgramOpened)
    ]
    closed = [event.program for event in events if isinstance(event, ProgramClosed)]
    if opened:
        await conn.execute(insert(programs).values(opened).on_conflict_do_nothing())
    if closed:
        await conn.execute(_CLOSE, {"closed": closed})


FROM_STORE = (
    StoreProjection(
        name="engagements",
        handles=(
            EngagementBegun,
            AgreementProposed,
            AgreementSigned,
            SessionPlanned,
            SessionCancelled,
            SessionDropped,
            SessionLogged,
            EngagementEnded,
        ),
        apply=apply_engagements,
        tables=(engagements, sessions),
    ),
)
FROM_TOPICS = (
    membership.MEMBERSHIP,
    TopicProjection(name="programs", handles=(ProgramOpened, ProgramClosed), apply=apply_programs, tables=(programs,)),
)
