"""A paired mentor leaves the program, and one trace shows how that reaches every service."""

import asyncio

from viceversa.client import SERVICES
from viceversa.demo import traces
from viceversa.demo.acts.answers import open_sheet
from viceversa.demo.acts.meetings import appointment_of, begin_an_hour, plan
from viceversa.demo.stage import Pair, Stage
from viceversa.demo.subscriber import Heard
from viceversa.polling import until

_REACTION = ("process viceversa.enrollment.v1", "send viceversa.sessions.restricted.v1", "sessions")
_SETTLED_AFTER_S = 1.0
"""Longer than the services keep finished spans to themselves."""


async def withdraw(stage: Stage) -> str:
    """Somebody with a meeting planned and a sheet open leaves; the partner is free, the plan and the sheet are gone."""
    pair = await _somebody_in_the_middle_of_things(stage)
    stage.withdrawn = pair
    await begin_an_hour(stage)
    await plan(stage, pair)
    spans_so_far = traces.ends(stage.spans)
    await stage.caller(pair.mentor).change("enrollment", f"/v1/participants/{pair.mentor.id}", "withdraw")
    pair.active = False
    stage.sessions_cancelled += 1

    expect = stage.expectations
    await expect.eventually("another system hears that somebody left", lambda: stage.public("ParticipantWithdrawn"), 1)
    await expect.eventually(
        "sessions has cancelled the meeting that they had planned", lambda: _planned_meeting(stage, pair), "cancelled"
    )
    await expect.eventually("feedback has closed the sheets that they had open", lambda: _sheets_open(stage, pair), 0)
    ended = stage.rematches
    expect.equal("their pair's end waits for the hour's batch", await stage.public("PairEnded"), ended)
    await begin_an_hour(stage)
    await expect.eventually(
        "matching has ended their pair, like any other", lambda: stage.public("PairEnded"), ended + 1
    )
    await _read_trace(stage, pair, spans_so_far)
    return f"{pair.mentor.name}, mentor of {pair.mentee.name}"


async def _somebody_in_the_middle_of_things(stage: Stage) -> Pair:
    """A mentor of the first round who owes an answer: most do."""
    candidates = [pair for pair in stage.active_pairs() if pair.round == 1 and pair.sessions]
    stage.dice.shuffle(candidates)
    for pair in candidates:
        if await open_sheet(stage, pair.mentor, "pulse"):
            return pair
    return candidates[0]


async def _planned_meeting(stage: Stage, pair: Pair) -> str:
    """What the mentee, who stays, sees of it."""
    session = appointment_of(pair).session
    engagement = (await stage.caller(pair.mentee).get("sessions", f"/v1/engagements/{pair.id}")).body
    return next(str(one["state"]) for one in engagement["sessions"] if one["session"] == session)


async def _sheets_open(stage: Stage, pair: Pair) -> int:
    return sum([await open_sheet(stage, pair.mentor, kind) is not None for kind in ("baseline", "pulse")])


async def _read_trace(stage: Stage, pair: Pair, since: traces.Places) -> None:
    """The trace id stands in the public event. Spans are written a moment after they end: the last ones are awaited."""
    stage.trace = await until(lambda: _trace(stage, pair, since), _is_complete)
    grew = True
    while grew:
        await asyncio.sleep(_SETTLED_AFTER_S)
        before, stage.trace = stage.trace, await _trace(stage, pair, since)
        grew = len(stage.trace.spans) > len(before.spans)
    stage.expectations.note(
        "the withdrawal is one trace over all four services, with one root and no orphan",
        met=stage.trace.is_whole_over(SERVICES),
        seen=f"{len(stage.trace.spans)} spans in {', '.join(stage.trace.services)}; {len(stage.trace.orphans)} orphans",
    )
    stage.expectations.note(
        "what sessions tells of the cancelled meeting is in that trace, below the news that it reacts to",
        met=_REACTION in stage.trace.edges,
        seen=f"edges: {sorted(stage.trace.edges)}",
    )


def _is_complete(trace: traces.Trace) -> bool:
    return trace.is_whole_over(SERVICES) and _REACTION in trace.edges


async def _trace(stage: Stage, pair: Pair, since: traces.Places) -> traces.Trace:
    def is_the_withdrawal(event: Heard) -> bool:
        return event.name == "ParticipantWithdrawn" and event.data["participant"] == pair.mentor.id

    heard = stage.subscriber.events(is_the_withdrawal)
    trace_id = heard[0].trace_id if heard else None
    return traces.trace(stage.spans, trace_id, since) if trace_id else traces.Trace("", ())
