"""What others hear of a pair's sessions. Who cancelled, who proposed, who taught what: none of it."""

from events.contracts import sessions as contracts
from events.runtime.private_events import Recorded
from events.runtime.publishing import Publications
from sessions import domain


def agreement_signed(recorded: Recorded[domain.AgreementSigned]) -> contracts.AgreementSigned:
    """That both signed; not what."""
    return contracts.AgreementSigned(pair=recorded.stream_id, program=recorded.event.program)


def session_scheduled(recorded: Recorded[domain.SessionPlanned]) -> contracts.SessionScheduled:
    """When a pair means to meet, for the platform's own services."""
    planned = recorded.event
    return contracts.SessionScheduled(
        pair=recorded.stream_id,
        program=planned.program,
        session=planned.session,
        starts_at=planned.starts_at,
        minutes=planned.minutes,
    )


def session_cancelled(
    recorded: Recorded[domain.SessionCancelled] | Recorded[domain.SessionDropped],
) -> contracts.SessionCancelled:
    """The same whether a side cancelled or the pair ended."""
    cancelled = recorded.event
    return contracts.SessionCancelled(pair=recorded.stream_id, program=cancelled.program, session=cancelled.session)


def session_logged(recorded: Recorded[domain.SessionLogged]) -> contracts.SessionLogged:
    """How often and how long; not when, and not what was taught."""
    logged = recorded.event
    return contracts.SessionLogged(
        pair=recorded.stream_id, program=logged.program, number=logged.number, minutes=logged.minutes
    )


PUBLICATIONS: Publications = {
    domain.AgreementSigned: (agreement_signed,),
    domain.SessionPlanned: (session_scheduled,),
    domain.SessionCancelled: (session_cancelled,),
    domain.SessionDropped: (session_cancelled,),
    domain.SessionLogged: (session_logged,),
}
