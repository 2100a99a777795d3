"""Over HTTP: own sheets, answering them, asking for another match, and which questions a program asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from events import membership
from events.membership import Member
from events.runtime.http import Answer, Call, Edge, IfMatch, decode_cursor, encode_cursor
from events.runtime.http.answers import BadCursor
from events.runtime.refusals import NotFound
from feedback import commands, queries
from feedback.domain.instruments import (
    COMMENT_LENGTH,
    CURRENT,
    PULSE,
    Thresholds,
    instrument,
    promise,
    request_promise,
)
from feedback.domain.sheet import Attributes, SheetOpened, State

T = TypeVar("T")

Item = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Rating = Annotated[int, Field(ge=1, le=5, strict=True)]
FreeText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=COMMENT_LENGTH)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200)]

_LONGEST_TODO = 200


class Answers(BaseModel):
    """Body of an answer: a rating for every item of the sheet."""

    model_config = ConfigDict(extra="forbid")

    ratings: Annotated[dict[Item, Rating], Field(max_length=20)]
    comment: FreeText | None = None


class RematchRequest(BaseModel):
    """Body of a request for another match."""

    model_config = ConfigDict(extra="forbid")

    reason: FreeText | None = None


def routes(edge: Edge) -> APIRouter:
    """All routes of feedback."""
    router = APIRouter()

    @router.get("/v1/me/sheets", **edge.action("sheets.own"))
    async def own_sheets(
        call: Annotated[Call, Depends(edge.call)], cursor: Cursor = None, limit: Limit = 50
    ) -> Response:
        """List the caller's sheets in all programs, the first due first."""
        async with edge.read() as conn:
            mine = await membership.participants_of(conn, call.caller.subject)
            participants = [member.participant for member in mine]
            held = await queries.sheets_of(conn, participants, after=_place(cursor), limit=limit)
        last = held[-1].opened if len(held) == limit else None
        return call.reply(
            Answer(
                {
                    "items": [_form(each.opened, each.state) | {"version": each.version} for each in held],
                    "next": last and encode_cursor(last.due_at.isoformat(), str(last.sheet)),
                }
            )
        )

    @router.get("/v1/sheets/{sheet}", **edge.action("sheet.read"))
    async def read_sheet(sheet: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """One sheet, for who is asked; it does not exist for anybody else."""
        version, known = await call.load(commands.sheet_stream(sheet))
        opened = _existing(known.opened)
        await _participant(edge, call, opened.program, (opened.participant,))
        return call.reply(Answer(_form(opened, known.state), version=version))

    @router.post("/v1/sheets/{sheet}/answers", **edge.action("sheet.answer"))
    async def answer_sheet(
        sheet: UUID, answers: Answers, call: Annotated[Call, Depends(edge.call)], expected: IfMatch
    ) -> Response:
        """Answer a sheet, once."""
        _, known = await call.load(commands.sheet_stream(sheet))
        opened = _existing(known.opened)
        member = await _participant(edge, call, opened.program, (opened.participant,))
        async with edge.read() as conn:
            unit = await queries.unit_of(conn, member.participant)
        command = commands.answer_sheet(
            sheet,
            answers.ratings,
            answers.comment or None,
            attributes=Attributes(region=member.region, unit=unit),
            author=call.caller.subject,
            now=call.now,
            expected=expected,
        )
        return await call.execute(
            command,
            lambda outcome: Answer({"sheet": sheet, "state": State.ANSWERED}, version=outcome.versions[sheet]),
        )

    @router.get("/v1/pairs/{pair}/rematch-requests", **edge.action("rematch.request"))
    async def read_rematch_form(pair: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """What a request for another match does and who learns of it, for a side of the pair before it asks."""
        _, known = await call.load(commands.pair_stream(pair))
        await _participant(edge, call, _existing(known.program), tuple(side for side, _ in known.sides))
        return call.reply(Answer({"pair": pair, "promise": request_promise()}))

    @router.post("/v1/pairs/{pair}/rematch-requests", status_code=202, **edge.action("rematch.request"))
    async def request_rematch(
        pair: UUID, request: RematchRequest, call: Annotated[Call, Depends(edge.call)]
    ) -> Response:
        """Ask for another match. The pair ends in the next hour's batch; who asked is never stated."""
        _, known = await call.load(commands.pair_stream(pair))
        program = _existing(known.program)
        member = await _participant(edge, call, program, tuple(side for side, _ in known.sides))
        command = commands.request_rematch(
            pair, program, member.participant, request.reason or None, author=call.caller.subject, now=call.now
        )
        return await call.execute(command, lambda _: Answer({"pair": pair, "promise": request_promise()}, status=202))

    @router.get("/v1/programs/{program}/instruments", **edge.action("instruments.read"))
    async def read_instruments(program: UUID, call: Annotated[Call, Depends(edge.call)]) -> Response:
        """What a program asks, and whether it still does; never how many answered."""
        _, known = await call.load(commands.program_stream(program))
        thresholds = _existing(known.thresholds)
        async with edge.read() as conn:
            call.permit(await membership.relations(conn, call.caller, program=program, regions=known.regions))
        items = [
            {
                "instrument": each.name,
                "title": each.title,
                "open": not known.over,
                "scale": each.scale,
                "items": {role: _items(questions) for role, questions in each.questions.items()},
                "rating_threshold": thresholds.ratings,
                "comment_threshold": thresholds.comments,
                "promise": promise(thresholds),
            }
            for each in CURRENT.values()
        ]
        return call.reply(Answer({"items": items}))

    @router.get("/v1/todo", **edge.action("todo.read"))
    async def todo(call: Annotated[Call, Depends(edge.call)]) -> Response:
        """What the caller is asked and has not answered, the first due first."""
        async with edge.read() as conn:
            mine = await membership.participants_of(conn, call.caller.subject)
            held = await queries.sheets_of(
                conn, [member.participant for member in mine], states=(State.OPEN,), limit=_LONGEST_TODO
            )
        items = [
            {
                "kind": "sheet",
                "title": _title(each.opened),
                "href": f"/v1/sheets/{each.opened.sheet}",
                "due_at": each.opened.due_at,
            }
            for each in held
        ]
        return call.reply(Answer({"items": items}))

    return router


async def _participant(edge: Edge, call: Call, program: UUID, participants: tuple[UUID, ...]) -> Member:
    """Which of these participants the caller is. Raises NotFound for anybody else, whatever else they may do."""
    async with edge.read() as conn:
        call.permit(await membership.relations(conn, call.caller, program=program, participants=participants))
        mine = await membership.participants_of(conn, call.caller.subject)
    return _existing(next((member for member in mine if member.participant in participants), None))


def _existing(thing: T | None) -> T:
    if thing is None:
        raise NotFound
    return thing


def _form(opened: SheetOpened, state: State) -> dict[str, Any]:
    asked = instrument(opened.instrument, opened.edition)
    return {
        "sheet": opened.sheet,
        "program": opened.program,
        "participant": opened.participant,
        "pair": opened.pair,
        "instrument": opened.instrument,
        "number": opened.number,
        "state": state,
        "title": _title(opened),
        "due_at": opened.due_at,
        "scale": asked.scale,
        "items": _items(asked.questions[opened.role]),
        "promise": promise(Thresholds(opened.rating_threshold, opened.comment_threshold)),
    }


def _items(questions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"item": item, "text": text} for item, text in questions.items()]


def _title(opened: SheetOpened) -> str:
    title = instrument(opened.instrument, opened.edition).title
    return f"{title} {opened.number}" if opened.instrument == PULSE else title


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    match decode_cursor(cursor):
        case None:
            return None
        case (str() as due_at, str() as sheet):
            try:
                place = datetime.fromisoformat(due_at), UUID(sheet)
            except ValueError:
                raise BadCursor from None
            if place[0].tzinfo is not None:
                return place
    raise BadCursor
