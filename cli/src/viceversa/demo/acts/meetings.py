"""Pairs agree how they work together and meet once a month; the platform's clock lets the months pass."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from viceversa.client import Reply, for_each, now, turn_clock
from viceversa.demo.stage import Appointment, Pair, Participant, Stage

CADENCE = timedelta(days=30)
_LEAD = timedelta(days=7)
"""How long before a meeting it is planned."""
_MINUTES = 50
_CANCELLED = 0.10
_GOALS = ("Use one new tool with confidence", "Hear what juniors talk about", "Show how decisions are made")


async def agree(stage: Stage) -> str:
    """New pairs learn each other's name and sign their agreement: the mentor proposes it, the mentee signs."""
    new = stage.new_pairs()
    stage.progress.begin(len(new))
    await stage.expectations.eventually(
        f"in {len(new)} new pairs each learns the name of the other",
        lambda: _names_learnt(stage, new),
        2 * len(new),
    )
    await for_each(new, lambda pair: _sign(stage, pair), stage.progress.advance)
    stage.agreements += len(new)
    await stage.expectations.eventually(
        f"another system hears of all {stage.agreements} agreements",
        lambda: stage.public("AgreementSigned"),
        stage.agreements,
    )
    return f"{len(new)} signed by both sides"


async def meet(stage: Stage) -> str:
    """A month passes: every pair plans a meeting, some cancel it, the others meet and tell what they taught."""
    pairs = stage.active_pairs()
    called_off = {pair.id for pair in stage.some(_CANCELLED, pairs)}
    cancelling = [pair for pair in pairs if pair.id in called_off]
    meeting = [pair for pair in pairs if pair.id not in called_off]
    stage.progress.begin(2 * len(pairs))
    await for_each(pairs, lambda pair: plan(stage, pair), stage.progress.advance)
    await for_each(cancelling, lambda pair: _cancel(stage, pair), stage.progress.advance)
    await _turn_clock(stage, await now(stage.operator) + CADENCE)
    await for_each(meeting, lambda pair: _log(stage, pair), stage.progress.advance)
    stage.sessions_cancelled += len(cancelling)
    await stage.expectations.eventually(
        f"another system hears of all {stage.sessions_held} sessions held",
        lambda: stage.public("SessionLogged"),
        stage.sessions_held,
    )
    return f"{len(meeting)} pairs met, {len(cancelling)} called it off"


async def plan(stage: Stage, pair: Pair) -> None:
    """The mentor plans the pair's next meeting. A mentee with two mentors meets them on different days."""
    of_the_mentee = [each.id for each in stage.active_pairs() if each.mentee == pair.mentee]
    day = stage.now + _LEAD + timedelta(days=of_the_mentee.index(pair.id))
    starts_at = day.replace(hour=15, minute=0, second=0, microsecond=0)
    meeting = {"starts_at": starts_at.isoformat(), "minutes": _MINUTES}
    planned = await _by_the_mentor(stage, pair, "sessions", meeting)
    pair.appointment = Appointment(planned.body["session"], starts_at)
    pair.met = False


def appointment_of(pair: Pair) -> Appointment:
    """The meeting that a pair has planned."""
    if pair.appointment is None:
        raise LookupError("the pair has planned no meeting")
    return pair.appointment


async def begin_an_hour(stage: Stage) -> None:
    """Turn the clock beyond the full hour, when one batch tells what must not be traced to anybody.

    What is done after this is not told for another 59 minutes.
    """
    this_hour = (await now(stage.operator)).replace(minute=0, second=0, microsecond=0)
    await _turn_clock(stage, this_hour + timedelta(hours=1, minutes=1))


async def _turn_clock(stage: Stage, to: datetime) -> None:
    await turn_clock(stage.operator, to)
    stage.now = to


async def _names_learnt(stage: Stage, pairs: Sequence[Pair]) -> int:
    async def learns(asking: Participant, other: Participant) -> bool:
        names = await stage.caller(asking).post("enrollment", "/v1/names", {"participants": [other.id]})
        return bool(names.body["names"].get(other.id) == other.name)

    sides = [side for pair in pairs for side in ((pair.mentor, pair.mentee), (pair.mentee, pair.mentor))]
    return sum(await asyncio.gather(*(learns(asking, other) for asking, other in sides)))


async def _sign(stage: Stage, pair: Pair) -> None:
    agreement = {
        "goals": list(_GOALS),
        "cadence_days": CADENCE.days,
        "confidentiality": True,
        "when_it_does_not_work": "We say so to each other first, and may ask for another match at any time.",
    }
    path = f"/v1/engagements/{pair.id}"
    await stage.caller(pair.mentor).change("sessions", path, "agreement", agreement)
    await stage.caller(pair.mentee).change("sessions", path, "agreement/sign")


async def _cancel(stage: Stage, pair: Pair) -> None:
    path = f"sessions/{appointment_of(pair).session}/cancel"
    reason = {"reason": "A board meeting moved."}
    await stage.caller(pair.mentee).change("sessions", f"/v1/engagements/{pair.id}", path, reason)
    pair.version = None


async def _log(stage: Stage, pair: Pair) -> None:
    planned = appointment_of(pair)
    held = {
        "held_at": planned.starts_at.isoformat(),
        "minutes": _MINUTES,
        "taught": {"mentor": ["tableau"], "mentee": ["leadership"]},
    }
    await _by_the_mentor(stage, pair, f"sessions/{planned.session}/log", held)
    pair.sessions += 1
    pair.met = True


async def _by_the_mentor(stage: Stage, pair: Pair, action: str, body: object) -> Reply:
    """With the ETag of the mentor's last change, as long as the mentee has changed nothing in between."""
    path, mentor = f"/v1/engagements/{pair.id}", stage.caller(pair.mentor)
    if pair.version is None:
        reply = await mentor.change("sessions", path, action, body)
    else:
        reply = await mentor.post("sessions", f"{path}/{action}", body, if_match=pair.version)
    pair.version = reply.version
    return reply
