"""Who may do what: one row an action. Every HTTP route names its action; a route without a row fails at start.

A caller is allowed when one of the relations they have to the thing stands in the row. What nobody allowed a caller to
see does not exist for them (404).
"""

from collections.abc import Collection, Mapping
from enum import StrEnum


class Relation(StrEnum):
    """How a caller relates to the thing asked for."""

    PUBLIC = "public"
    """Nobody in particular: no token is needed."""
    ANYONE = "anyone"
    """Any subject with a valid token, asking about themselves or about what everybody may know."""
    SELF = "self"
    """The participant in question, or one of the pair."""
    OWN_PAIR = "own pair"
    """In a pair with the participant in question, now or before."""
    COORDINATOR = "coordinator"
    """Assigned to that program and region."""
    ADMINISTRATOR = "administrator"
    OPERATOR = "operator"
    AUDITOR = "auditor"


_BY_ROLE = {
    "administrator": Relation.ADMINISTRATOR,
    "operator": Relation.OPERATOR,
    "auditor": Relation.AUDITOR,
}


def relations_of(roles: Collection[str]) -> set[Relation]:
    """What the roles in a token make of a caller, whatever is asked for."""
    return {_BY_ROLE[role] for role in roles if role in _BY_ROLE}


def _row(*relations: Relation) -> frozenset[Relation]:
    return frozenset(relations)


_PUBLIC, _ANYONE, _SELF = Relation.PUBLIC, Relation.ANYONE, Relation.SELF
_COORDINATOR, _ADMINISTRATOR = Relation.COORDINATOR, Relation.ADMINISTRATOR

TABLE: Mapping[str, frozenset[Relation]] = {
    "health.live": _row(_PUBLIC),
    "health.ready": _row(_PUBLIC),
    "schema.read": _row(_PUBLIC),
    "clock.read": _row(_ANYONE),
    "clock.turn": _row(Relation.OPERATOR),
    "todo.read": _row(_ANYONE),
    "dead_letters.list": _row(Relation.OPERATOR),
    "dead_letter.retry": _row(Relation.OPERATOR),
    "dead_letter.discard": _row(Relation.OPERATOR),
    "projections.list": _row(Relation.OPERATOR),
    "projection.rebuild": _row(Relation.OPERATOR),
    "projection.verify": _row(Relation.OPERATOR),
    # enrollment
    "token.exchange": _row(_PUBLIC),
    "keys.read": _row(_PUBLIC),
    "program.create": _row(_ADMINISTRATOR),
    "program.read": _row(_ANYONE),
    "program.open": _row(_ADMINISTRATOR),
    "program.close": _row(_ADMINISTRATOR),
    "coordinator.assign": _row(_ADMINISTRATOR),
    "participants.import": _row(_COORDINATOR, _ADMINISTRATOR),
    "participants.list": _row(_COORDINATOR, _ADMINISTRATOR),
    "participant.enroll": _row(_ANYONE, _COORDINATOR, _ADMINISTRATOR),
    "participant.read": _row(_SELF, _COORDINATOR, _ADMINISTRATOR),
    "participant.withdraw": _row(_SELF, _COORDINATOR, _ADMINISTRATOR),
    "me.read": _row(_ANYONE),
    "names.read": _row(_SELF, Relation.OWN_PAIR, _COORDINATOR, _ADMINISTRATOR),
    # matching
    "pool.read": _row(_COORDINATOR, _ADMINISTRATOR),
    "round.run": _row(_COORDINATOR, _ADMINISTRATOR),
    "round.read": _row(_COORDINATOR, _ADMINISTRATOR),
    "round.publish": _row(_COORDINATOR, _ADMINISTRATOR),
    "round.discard": _row(_COORDINATOR, _ADMINISTRATOR),
    "proposals.own": _row(_ANYONE),
    "proposal.read": _row(_SELF, _COORDINATOR, _ADMINISTRATOR),
    "proposal.answer": _row(_SELF),
    "pairs.own": _row(_ANYONE),
    "pairs.list": _row(_COORDINATOR, _ADMINISTRATOR),
    "pair.read": _row(_SELF, _COORDINATOR, _ADMINISTRATOR),
    # sessions
    "engagements.own": _row(_ANYONE),
    "engagement.read": _row(_SELF),
    "agreement.propose": _row(_SELF),
    "agreement.sign": _row(_SELF),
    "session.plan": _row(_SELF),
    "session.cancel": _row(_SELF),
    "session.log": _row(_SELF),
    "health.read": _row(_COORDINATOR, _ADMINISTRATOR),
    # feedback
    "sheets.own": _row(_ANYONE),
    "sheet.read": _row(_SELF),
    "sheet.answer": _row(_SELF),
    "rematch.request": _row(_SELF),
    "instruments.read": _row(_COORDINATOR, _ADMINISTRATOR),
}
