"""Some pairs do not work: they ask for another match, and at the full hour nobody can tell who asked."""

from viceversa.client import for_each
from viceversa.demo.acts.meetings import begin_an_hour
from viceversa.demo.stage import Pair, Stage

_ASK = 0.05


async def ask_for_rematches(stage: Stage) -> str:
    """One side of some pairs asks; the clock turns; the pairs end together and both sides wait for the next round."""
    parting = stage.some(_ASK, stage.active_pairs())
    stage.progress.begin(len(parting))
    await begin_an_hour(stage)
    await for_each(parting, lambda pair: _ask(stage, pair), stage.progress.advance)
    stage.rematches += len(parting)
    stage.expectations.equal("nobody hears of a request before the hour is full", await stage.public("PairEnded"), 0)
    await begin_an_hour(stage)
    for pair in parting:
        pair.active = False
        stage.apart.add((pair.mentor.id, pair.mentee.id))
    await stage.expectations.eventually(
        "every pair of which one side asked has ended in the hour's batch",
        lambda: stage.public("PairEnded"),
        stage.rematches,
    )
    return f"pairs ended: {len(parting)}; nobody is told who asked"


async def _ask(stage: Stage, pair: Pair) -> None:
    who = pair.mentor if stage.dice.random() < 1 / 2 else pair.mentee
    path = f"/v1/pairs/{pair.id}/rematch-requests"
    await stage.caller(who).post("feedback", path, {"reason": "We have too little to tell each other."})
