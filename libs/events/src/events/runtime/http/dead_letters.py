"""What an operator does about messages that could not be applied: look, try again, give up."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic_core import from_json

from events.contracts.registry import Audience, event_type
from events.runtime.consumer import Consumer
from events.runtime.dead_letters import DeadLetter, NoSuchDeadLetter
from events.runtime.http.answers import Answer, BadCursor, decode_cursor, encode_cursor
from events.runtime.http.edge import Call, Edge

_Limit = Annotated[int, Query(ge=1, le=200)]
_Cursor = Annotated[str | None, Query(max_length=500)]


def dead_letter_routes(edge: Edge, consumers: Sequence[Consumer]) -> APIRouter:
    """Routes over the dead letters of a service's consumers."""
    router = APIRouter()
    by_name = {consumer.name: consumer for consumer in consumers}

    def found(name: str) -> Consumer:
        consumer = by_name.get(name)
        if consumer is None:
            raise NoSuchDeadLetter
        return consumer

    @router.get("/v1/dead-letters", **edge.action("dead_letters.list"))
    async def listed(call: Annotated[Call, Depends(edge.call)], cursor: _Cursor = None, limit: _Limit = 50) -> Response:
        call.permit(call.caller.roles)
        after = _place(cursor)
        letters: list[DeadLetter] = []
        async with edge.read() as conn:
            for name, consumer in sorted(by_name.items()):
                if len(letters) <= limit and (after is None or name >= after[0]):
                    beyond = after[1] if after is not None and name == after[0] else None
                    letters += await consumer.dead(conn, beyond, limit + 1 - len(letters))
        page = letters[:limit]
        more = len(letters) > limit
        return call.reply(
            Answer(
                {
                    "items": [_shown(letter) for letter in page],
                    "next": encode_cursor(page[-1].consumer, str(page[-1].event_id)) if more else None,
                }
            )
        )

    @router.post("/v1/dead-letters/{consumer}/{event}/retry", **edge.action("dead_letter.retry"))
    async def retry(consumer: str, event: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        call.permit(call.caller.roles)
        await found(consumer).retry(event)
        return call.reply(Answer({"consumer": consumer, "event": event, "outcome": "applied"}))

    @router.post("/v1/dead-letters/{consumer}/{event}/discard", **edge.action("dead_letter.discard"))
    async def discard(consumer: str, event: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        call.permit(call.caller.roles)
        await found(consumer).discard(event, call.caller.subject)
        return call.reply(Answer({"consumer": consumer, "event": event, "outcome": "discarded"}))

    return router


def _place(cursor: str | None) -> tuple[str, UUID] | None:
    place = decode_cursor(cursor)
    if place is None:
        return None
    try:
        name, event_id = place
        return str(name), UUID(event_id)
    except (ValueError, TypeError, AttributeError):
        raise BadCursor from None


def _shown(letter: DeadLetter) -> Mapping[str, Any]:
    return {
        "consumer": letter.consumer,
        "event": letter.event_id,
        "key": letter.key,
        "type": letter.type,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "tries": letter.tries,
        "failed_at": letter.failed_at,
        "position": letter.position,
        "waiting_behind": letter.behind,
        "payload": _payload(letter),
    }


def _payload(letter: DeadLetter) -> Any:  # noqa: ANN401 - JSON
    """The event, where everybody may see it; None where its class is restricted or nothing of the kind."""
    contract = event_type(letter.type or "")
    if contract is None or contract.audience is not Audience.PUBLIC:
        return None
    try:
        shown = contract.model_validate(from_json(letter.value))
    except ValueError:
        return None
    return shown.model_dump(mode="json")
