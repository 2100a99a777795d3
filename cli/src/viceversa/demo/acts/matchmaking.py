"""A round is run, reviewed and published; mentors answer first, then mentees; two who said yes are a pair."""

from functools import partial
from typing import Any

from viceversa.client import Refused, for_each
from viceversa.demo.stage import Pair, Participant, Round, Stage

_NOT_FOUND = 404
_MENTORS_DECLINE, _MENTEES_DECLINE = 0.07, 0.06


async def run_round(stage: Stage) -> str:
    """The coordinator drafts a round, reads it, and publishes it."""
    expect, nth = stage.expectations, _nth(len(stage.rounds) + 1)
    draft = await stage.coordinator.post(
        "matching", f"/v1/programs/{stage.program}/rounds", {"policy": {"prefer": "coverage"}}
    )
    path = f"/v1/rounds/{draft.body['round']}"
    seen = (await stage.coordinator.get("matching", path)).body
    proposals, unmatched = sorted(seen["proposals"], key=partial(_people, stage)), seen["unmatched"]
    expect.note(
        f"the {nth} round proposes somebody, and no more than its certificate allows",
        met=bool(proposals) and seen["value"] <= seen["bound"] + 1e-6,
        seen=f"{len(proposals)} proposals, value {seen['value']:.2f} of at most {seen['bound']:.2f}",
    )
    expect.equal(
        f"in the {nth} round nobody is without an explanation or a reason",
        sum(not proposal["explanation"] for proposal in proposals) + sum(not one["reasons"] for one in unmatched),
        0,
    )
    expect.equal(
        f"the {nth} round brings nobody together who declined or parted",
        sum((proposal["mentor"], proposal["mentee"]) in stage.apart for proposal in proposals),
        0,
    )
    if stage.rounds:
        waited = sum(proposal["contributions"]["waiting"] > 0 for proposal in proposals)
        expect.note(f"in the {nth} round people who waited count for more", met=waited > 0, seen=f"{waited} proposals")
    await stage.coordinator.change("matching", path, "publish")
    stage.rounds.append(Round(draft.body["number"], proposals, unmatched, seen["value"], seen["bound"]))
    await expect.eventually(
        f"another system hears of the {nth} round", lambda: stage.public("RoundPublished"), len(stage.rounds)
    )
    value = f"value {seen['value']:.1f} of ≤ {seen['bound']:.1f}"
    return f"{len(proposals)} proposals, {len(unmatched)} people go on waiting; {value}"


async def answer_proposals(stage: Stage) -> str:
    """Mentors first: what a mentor declines, the mentee never hears of."""
    expect, nth = stage.expectations, _nth(len(stage.rounds))
    proposals = stage.rounds[-1].proposals
    if not proposals:
        return "nobody was asked"
    declined_first = {proposal["pair"] for proposal in stage.some(_MENTORS_DECLINE, proposals)}
    accepted_first = [proposal for proposal in proposals if proposal["pair"] not in declined_first]
    declined_then = {proposal["pair"] for proposal in stage.some(_MENTEES_DECLINE, accepted_first)}
    accepted = [proposal for proposal in accepted_first if proposal["pair"] not in declined_then]
    stage.progress.begin(len(proposals) + len(accepted_first))

    early = proposals[0]
    expect.note(
        f"in the {nth} round a mentee cannot see a proposal before the mentor answered",
        met=not await _may_see(stage, early["pair"], stage.participants[early["mentee"]]),
        seen="the proposal",
    )
    await for_each(
        proposals,
        lambda proposal: _answer(stage, proposal, "mentor", yes=proposal["pair"] not in declined_first),
        stage.progress.advance,
    )
    hidden = next(proposal for proposal in proposals if proposal["pair"] in declined_first)
    expect.note(
        f"in the {nth} round a mentee never sees a proposal that the mentor declined",
        met=not await _may_see(stage, hidden["pair"], stage.participants[hidden["mentee"]]),
        seen="the proposal",
    )
    await for_each(
        accepted_first,
        lambda proposal: _answer(stage, proposal, "mentee", yes=proposal["pair"] not in declined_then),
        stage.progress.advance,
    )
    turned_down = [proposal for proposal in proposals if proposal["pair"] in declined_first | declined_then]
    stage.apart.update((proposal["mentor"], proposal["mentee"]) for proposal in turned_down)
    stage.pairs.extend(
        Pair(
            proposal["pair"],
            stage.participants[proposal["mentor"]],
            stage.participants[proposal["mentee"]],
            round=len(stage.rounds),
        )
        for proposal in accepted
    )
    await expect.eventually(
        f"another system hears of every pair of the {nth} round",
        lambda: stage.public("PairCreated"),
        len(stage.pairs),
    )
    return f"{len(accepted)} pairs; {len(declined_first)} declined by the mentor, {len(declined_then)} by the mentee"


async def _may_see(stage: Stage, pair: str, who: Participant) -> bool:
    try:
        await stage.caller(who).get("matching", f"/v1/proposals/{pair}")
    except Refused as refused:
        if refused.status != _NOT_FOUND:
            raise
        return False
    return True


async def _answer(stage: Stage, proposal: dict[str, Any], role: str, *, yes: bool) -> None:
    caller = stage.caller(stage.participants[proposal[role]])
    answer = {"answer": "accepted"} if yes else {"answer": "declined", "reason": "Not the right moment for me."}
    await caller.change("matching", f"/v1/proposals/{proposal['pair']}", "answer", answer)


def _people(stage: Stage, proposal: dict[str, Any]) -> tuple[str, str]:
    """An order that is the same in every run: ids of participants are random."""
    return stage.participants[proposal["mentor"]].external_id, stage.participants[proposal["mentee"]].external_id


def _nth(number: int) -> str:
    return {1: "first", 2: "second"}.get(number, f"{number}th")
