"""One function a command: which streams it reads, and what it appends.

Nothing is loaded here. A new sheet gets its random id when the command is made, so a decision may run again.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from uuid import UUID, uuid4, uuid5

from events.contracts.enrollment import ProgramOpened
from events.contracts.kinds import Role
from events.contracts.matching import PairCreated
from events.runtime.streams import Appends, Command, Stream, Streams
from feedback.domain.instruments import BASELINE, PULSE
from feedback.domain.pair import PAIR, Pair, PairBegan, begin, end, take_pulse
from feedback.domain.participant import PARTICIPANT, Participant, leave
from feedback.domain.program import PROGRAM, Program, ProgramStarted, finish, start
from feedback.domain.request import REQUESTS, RematchAsked, Requests, ask_for_rematch
from feedback.domain.sheet import SHEET, Asked, Attributes, Sheet, SheetOpened, answer, close, hand_out
from feedback.domain.submission import SUBMISSION, announce


def program_stream(program: UUID) -> Stream[Program]:
    """What feedback knows of a program."""
    return PROGRAM.stream(uuid5(program, "program"))


def participant_stream(participant: UUID) -> Stream[Participant]:
    """The sheets that a participant holds."""
    return PARTICIPANT.stream(uuid5(participant, "participant"))


def pair_stream(pair: UUID) -> Stream[Pair]:
    """A pair has the same id here as everywhere."""
    return PAIR.stream(pair)


def requests_stream(pair: UUID) -> Stream[Requests]:
    """The requests of both sides of a pair."""
    return REQUESTS.stream(uuid5(pair, "request"))


def sheet_stream(sheet: UUID) -> Stream[Sheet]:
    """One sheet."""
    return SHEET.stream(sheet)


def start_program(opened: ProgramOpened, *, now: datetime) -> Command:
    """Learn a program's thresholds."""
    stream = program_stream(opened.program)
    started = ProgramStarted(
        program=opened.program,
        regions=opened.regions,
        rating_threshold=opened.rating_threshold,
        comment_threshold=opened.comment_threshold,
    )
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, event) for event in start(streams[stream], started)],
        at=now,
    )


def finish_program(program: UUID, *, now: datetime) -> Command:
    """A program has ended: the clock closes its open sheets next, in pages, because they may be many."""
    stream = program_stream(program)
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, event) for event in finish(streams[stream], program)],
        at=now,
        requires=(stream,),
    )


def begin_pair(created: PairCreated, *, now: datetime) -> Command:
    """Know the pair, and ask both sides the baseline if they were not asked before.

    Waits for the program: without its thresholds a form could not say who will see the answer.
    """
    program = program_stream(created.program)
    pair = pair_stream(created.pair)
    asked = [
        Asked(sheet=uuid4(), participant=participant, role=role, program=created.program, instrument=BASELINE)
        for participant, role in ((created.mentor, Role.MENTOR), (created.mentee, Role.MENTEE))
    ]
    began = PairBegan(pair=created.pair, program=created.program, mentor=created.mentor, mentee=created.mentee)

    def decide(streams: Streams) -> Appends:
        events = begin(streams[pair], began)
        yield from ((pair, event) for event in events)
        if events:
            yield from _hand_out(streams, program, asked, now)

    return Command(
        loads=(program, pair, *(stream for each in asked for stream in _streams_of(each))),
        decide=decide,
        at=now,
        requires=(program,),
    )


def ask_after_session(pair_id: UUID, program_id: UUID, number: int, *, now: datetime) -> Command:
    """Ask both sides how a session was. Waits for the pair, which another topic tells of."""
    program, pair = program_stream(program_id), pair_stream(pair_id)
    new = (uuid4(), uuid4())

    def asked(known: Pair) -> list[Asked]:
        return [
            Asked(
                sheet=sheet,
                participant=participant,
                role=role,
                program=program_id,
                instrument=PULSE,
                pair=pair_id,
                number=number,
            )
            for sheet, (participant, role) in zip(new, known.sides, strict=False)
        ]

    def decide(streams: Streams) -> Appends:
        handed_out = list(_hand_out(streams, program, asked(streams[pair]), now))
        sheets = tuple(event.sheet for _, event in handed_out if isinstance(event, SheetOpened))
        events = take_pulse(streams[pair], pair_id, number, sheets)
        return [*((pair, event) for event in events), *(handed_out if events else ())]

    return Command(
        loads=(program, pair),
        also=lambda streams: [stream for each in asked(streams[pair]) for stream in _streams_of(each)],
        decide=decide,
        at=now,
        requires=(pair,),
    )


def end_pair(pair_id: UUID, *, now: datetime) -> Command:
    """A pair meets no more: what was asked about its sessions and not answered is closed. The baseline stays."""
    pair = pair_stream(pair_id)

    def sheets(streams: Streams) -> list[Stream[Sheet]]:
        return [sheet_stream(sheet) for of_session in streams[pair].sheets.values() for sheet in of_session]

    def decide(streams: Streams) -> Appends:
        events = end(streams[pair], pair_id)
        yield from ((pair, event) for event in events)
        if events:
            yield from _close(streams, sheets(streams))

    return Command(loads=(pair,), also=sheets, decide=decide, at=now, requires=(pair,))


def let_go(participant: UUID, *, now: datetime) -> Command:
    """Somebody left: close every sheet that they hold open, in the same transaction and trace."""
    stream = participant_stream(participant)

    def sheets(streams: Streams) -> list[Stream[Sheet]]:
        return [sheet_stream(sheet) for sheet in streams[stream].sheets.values()]

    def decide(streams: Streams) -> Appends:
        yield from ((stream, event) for event in leave(streams[stream], participant))
        yield from _close(streams, sheets(streams))

    return Command(loads=(stream,), also=sheets, decide=decide, at=now)


def answer_sheet(
    sheet: UUID,
    ratings: Mapping[str, int],
    comment: str | None,
    *,
    attributes: Attributes,
    author: UUID,
    now: datetime,
    expected: int | None,
) -> Command:
    """Answer a sheet. It carries no correlation: nothing outside feedback's own store links it to a person."""
    stream = sheet_stream(sheet)

    def decide(streams: Streams) -> Appends:
        events = answer(
            streams[stream], author=author, attributes=attributes, ratings=ratings, comment=comment, now=now
        )
        return [(stream, event) for event in events]

    return Command(
        loads=(stream,),
        decide=decide,
        at=now,
        requires=(stream,),
        expected={} if expected is None else {sheet: expected},
        actor=author,
    )


def close_sheet(sheet: UUID, *, now: datetime) -> Command:
    """Close one sheet of a program that has ended."""
    stream = sheet_stream(sheet)
    return Command(
        loads=(stream,), decide=lambda streams: [(stream, event) for event in close(streams[stream])], at=now
    )


def announce_answers(sheet: UUID, submission: UUID, *, day: date) -> Command:
    """Tell that a sheet was answered: in a stream of a random id, at midnight of the day it was answered on."""
    answered, told = sheet_stream(sheet), SUBMISSION.stream(submission)

    def decide(streams: Streams) -> Appends:
        mark, fact = announce(streams[answered])
        return [*((answered, event) for event in mark), *((told, event) for event in fact)]

    return Command(loads=(answered, told), decide=decide, at=datetime.combine(day, time(), UTC))


def request_rematch(
    pair_id: UUID, program: UUID, participant: UUID, reason: str | None, *, author: UUID, now: datetime
) -> Command:
    """Ask for another match. The correlation is the pair, never the one who asks."""
    pair, person, requests = pair_stream(pair_id), participant_stream(participant), requests_stream(pair_id)
    asked = RematchAsked(pair=pair_id, program=program, participant=participant, author=author, reason=reason)
    return Command(
        loads=(pair, person, requests),
        decide=lambda streams: [
            (requests, event) for event in ask_for_rematch(streams[requests], streams[pair], streams[person], asked)
        ],
        at=now,
        requires=(pair,),
        correlation=pair_id,
        actor=author,
    )


def _streams_of(asked: Asked) -> tuple[Stream[Participant], Stream[Sheet]]:
    return participant_stream(asked.participant), sheet_stream(asked.sheet)


def _hand_out(streams: Streams, program: Stream[Program], asked: Sequence[Asked], now: datetime) -> Appends:
    for each in asked:
        participant, sheet = _streams_of(each)
        held, opened = hand_out(streams[program], streams[participant], each, now)
        yield from ((participant, event) for event in held)
        yield from ((sheet, event) for event in opened)


def _close(streams: Streams, sheets: list[Stream[Sheet]]) -> Appends:
    for sheet in sheets:
        yield from ((sheet, event) for event in close(streams[sheet]))
