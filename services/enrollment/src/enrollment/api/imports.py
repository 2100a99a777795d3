"""The sign-up file's way in."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, ClassVar
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import StringConstraints
from pydantic_core import from_json

from enrollment import access, commands
from enrollment.domain.program import PROGRAM, Terms, must_be_open
from enrollment.domain.sign_up_file import SignUpFileImported
from enrollment.identities import BlindIndex
from enrollment.importing import import_rows
from enrollment.settling import Desk, within
from enrollment.signup_file import COLUMNS, MOST_BYTES, RefusedRow, Rules, SignUp, Unreadable, plain, read
from enrollment.signup_file.cells import quoted
from enrollment.transport import Seal
from events.contracts.authorization import Relation
from events.runtime.http import Answer, Call, Edge
from events.runtime.refusals import Refusal

_BODY = {"required": True, "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}


class NotCsv(Refusal):
    """The body is something else."""

    slug: ClassVar[str] = "not-csv"
    status: ClassVar[int] = 415
    title: ClassVar[str] = "Send the file itself with content-type: text/csv"


class UnreadableFile(Refusal):
    """The first row names no usable columns; nothing went in."""

    slug: ClassVar[str] = "unreadable-sign-up-file"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The sign-up file cannot be read; nothing went in. See problems"


class UnusableHeadings(Refusal):
    """The mapping of headings does not say which column is which; nothing went in."""

    slug: ClassVar[str] = "unusable-headings"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The mapping of headings cannot be used; nothing went in"


_Heading = Annotated[str, StringConstraints(max_length=200)]
_NOT_KEPT = "What to mend was told once and is not kept; send the file again under another Idempotency-Key to read it"


def routes(edge: Edge, *, blind: BlindIndex, seal: Seal) -> APIRouter:
    """`POST /v1/programs/{program}/imports`."""
    router = APIRouter(tags=["sign-ups"])
    action = edge.action("participants.import", largest_body=MOST_BYTES)
    action["openapi_extra"]["requestBody"] = _BODY

    @router.post("/v1/programs/{program}/imports", **action)
    async def import_file(
        program: UUID,
        request: Request,
        call: Annotated[Call, Depends(edge.call)],
        heading: Annotated[list[_Heading], Query(max_length=len(COLUMNS))] = [],  # noqa: B006 - FastAPI copies it
    ) -> Response:
        """Take in every good row of a sign-up file; every bad one is told by line, column and how to mend it.

        People are recognised by external_id: the same file again changes nothing, a corrected one goes on. Columns
        that the file calls otherwise are named by `heading`, once a column: `?heading=external_id=Employee%20No`.
        """
        _, state = await call.load(PROGRAM.stream(program))
        relations = access.to_program(call.caller, state)
        call.permit(relations)
        if (before := await call.repeated()) is not None:
            return before
        rules = rules_of(must_be_open(state))
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
            raise NotCsv
        rows = await asyncio.to_thread(_read, await request.body(), rules, headings_of(heading))
        regions = None if Relation.ADMINISTRATOR in relations else state.coordinators[call.caller.subject]
        if regions is not None:
            rows = list(within(rows, regions))
        desk = Desk(edge.commands, blind, seal, program, call.caller.subject, call.now, regions)
        report = await import_rows(desk, rows)
        file = uuid4()
        imported = SignUpFileImported(
            program=program,
            rows=report.rows,
            enrolled=report.enrolled,
            updated=report.updated,
            unchanged=report.unchanged,
            rejected=len(report.refused),
        )
        counts = imported.model_dump(exclude={"program"})
        problems = [asdict(problem) for problem in report.problems]
        noted = await call.execute(
            commands.note_import(file, imported, now=desk.now, actor=desk.actor),
            # What is quoted in a problem may be personal, and is kept nowhere.
            lambda _: Answer(
                {"import": str(file), **counts, "problems": [p | {"message": _NOT_KEPT} for p in problems]}, status=201
            ),
        )
        return call.reply(Answer({**from_json(bytes(noted.body)), "problems": problems}, status=noted.status_code))

    return router


def rules_of(terms: Terms) -> Rules:
    """What a program's terms say about its sign-ups."""
    return Rules(
        regions=terms.regions,
        dividing_grade=terms.dividing_grade,
        grade_ladder=terms.grade_ladder,
        working_hours=terms.working_hours,
    )


def headings_of(given: Sequence[str]) -> Mapping[str, str]:
    """Our columns by the file's names, from `ours=theirs`. Raises UnusableHeadings."""
    theirs_of: dict[str, str] = {}
    for pair in given:
        ours, _, theirs = (part.strip() for part in pair.partition("="))
        if ours not in COLUMNS:
            raise UnusableHeadings(f"There is no column {quoted(ours)}. The columns are {', '.join(COLUMNS)}")
        if not theirs:
            raise UnusableHeadings(f"Write what the file calls {ours}: heading={ours}=Its name")
        if ours in theirs_of:
            raise UnusableHeadings(f"The column {ours} is mapped twice; keep one")
        theirs_of[ours] = theirs
    named = {plain(theirs): ours for ours, theirs in theirs_of.items()}
    if len(named) < len(theirs_of):
        raise UnusableHeadings("Two columns are mapped to the same name of the file; keep one")
    return named


def _read(file: bytes, rules: Rules, headings: Mapping[str, str]) -> list[SignUp | RefusedRow]:
    try:
        return list(read([file], rules, headings))
    except Unreadable as unreadable:
        raise UnreadableFile(problems=[asdict(problem) for problem in unreadable.problems]) from None
