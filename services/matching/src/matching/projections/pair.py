"""Pairs from the draft on. A row's version says which event of the pair's stream it shows; a draft is version 0."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from events.contracts.kinds import Answer
from events.runtime.database import any_of, unnest
from events.runtime.private_events import Event, Recorded
from events.runtime.projecting import StoreProjection
from matching.domain.pair import (
    PairCreated,
    PairEnded,
    PairProposed,
    ProposalAnswered,
    ProposalClosed,
    ProposalLapsed,
    State,
)
from matching.domain.round import Proposal, ProposalsDrafted, RoundDiscarded
from matching.projections.tables import pairs

DRAFTED = "drafted"
"""State of a row that only its round knows."""

_STATES: dict[type[Event], State] = {
    PairProposed: State.PROPOSED,
    ProposalLapsed: State.LAPSED,
    PairCreated: State.CREATED,
    ProposalClosed: State.CLOSED,
    PairEnded: State.ENDED,
}

Row = dict[str, Any]

_COLUMNS = list(pairs.c.keys())
_GIVEN = unnest("given", **{column.name: column.type for column in pairs.c})
_NEW = insert(pairs).from_select(_COLUMNS, select(_GIVEN).order_by(_GIVEN.c.pair))
_NEWER = _NEW.excluded.version > pairs.c.version
_WRITE = _NEW.on_conflict_do_update(
    index_elements=[pairs.c.pair],
    set_={
        "state": case((_NEWER, _NEW.excluded.state), else_=pairs.c.state),
        "version": func.greatest(_NEW.excluded.version, pairs.c.version),
        "explanation": func.coalesce(_NEW.excluded.explanation, pairs.c.explanation),
    },
)
# The names of an UPDATE's own columns are taken; its parameters need others.
_CHANGED = unnest("changed", changed=Uuid(), new_state=Text(), new_version=Integer())
_CHANGE = (
    update(pairs)
    .where(pairs.c.pair == _CHANGED.c.changed, pairs.c.version < _CHANGED.c.new_version)
    .values(state=_CHANGED.c.new_state, version=_CHANGED.c.new_version)
)
_FORGET = delete(pairs).where(pairs.c.round == any_of("rounds", Uuid()), pairs.c.version == 0)


async def apply(conn: AsyncConnection, recorded: Sequence[Recorded[Any]]) -> None:
    """At most three statements a page: one writes whole rows, one changes states, one drops discarded drafts."""
    whole: dict[UUID, Row] = {}
    changed: dict[UUID, Row] = {}
    discarded: list[UUID] = []
    for each in recorded:
        event = each.event
        match event:
            case RoundDiscarded():
                discarded.append(event.round)
            case ProposalsDrafted():
                for proposal in event.proposals:
                    whole.setdefault(proposal.pair, _drafted(event, proposal))
            case _:
                if isinstance(event, PairProposed | ProposalLapsed):
                    whole[event.pair] = _begun(event)
                row = whole.get(event.pair) or changed.setdefault(event.pair, {})
                row.update(state=_state(event), version=each.version)
    if whole:
        await conn.execute(_WRITE, {name: [row[name] for row in whole.values()] for name in _COLUMNS})
    if changed:
        changes = {f"new_{name}": [row[name] for row in changed.values()] for name in ("state", "version")}
        await conn.execute(_CHANGE, {"changed": list(changed), **changes})
    if discarded:
        await conn.execute(_FORGET, {"rounds": discarded})


def _drafted(event: ProposalsDrafted, proposal: Proposal) -> Row:
    return {
        "pair": proposal.pair,
        "round": event.round,
        "program": event.program,
        "mentor": proposal.mentor,
        "mentee": proposal.mentee,
        "mentor_region": proposal.mentor_region,
        "mentee_region": proposal.mentee_region,
        "state": DRAFTED,
        "version": 0,
        "explanation": None,
    }


def _begun(event: PairProposed | ProposalLapsed) -> Row:
    return {
        "pair": event.pair,
        "round": event.round,
        "program": event.program,
        "mentor": event.mentor,
        "mentee": event.mentee,
        "mentor_region": event.mentor_region,
        "mentee_region": event.mentee_region,
        "explanation": event.explanation.model_dump(mode="json") if isinstance(event, PairProposed) else None,
    }


def _state(event: Event) -> str:
    if isinstance(event, ProposalAnswered):
        return State.DECLINED if event.answer is Answer.DECLINED else State.MENTOR_ACCEPTED
    return _STATES[type(event)]


PAIRS = StoreProjection(
    name="pairs",
    handles=(
        ProposalsDrafted,
        RoundDiscarded,
        PairProposed,
        ProposalLapsed,
        ProposalAnswered,
        PairCreated,
        ProposalClosed,
        PairEnded,
    ),
    apply=apply,
    tables=(pairs,),
)
