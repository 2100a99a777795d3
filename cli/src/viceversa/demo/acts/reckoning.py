"""The end: the hour is full, every event has arrived once, and the services agree with what people did."""

from functools import partial

from viceversa.client import SERVICES
from viceversa.demo.acts.meetings import begin_an_hour
from viceversa.demo.stage import Stage


async def reckon(stage: Stage) -> str:
    """What people did through the APIs, against what another system heard."""
    expect = stage.expectations
    await begin_an_hour(stage)
    done = {
        "ProgramOpened": 1,
        "ParticipantEnrolled": len(stage.enterprise),
        "ParticipantWithdrawn": 1,
        "RoundPublished": len(stage.rounds),
        "PairCreated": len(stage.pairs),
        "PairEnded": sum(not pair.active for pair in stage.pairs),
        "AgreementSigned": stage.agreements,
        "SessionLogged": stage.sessions_held,
        "FeedbackSubmitted": stage.sheets_answered,
    }
    for name, count in done.items():
        await expect.eventually(
            f"another system hears {name} as often as it happened", partial(stage.public, name), count
        )
    await _coordinators_see_the_same(stage)
    standing = await stage.platform.standing()
    stage.dead_letters = len(standing.dead_letters)
    expect.equal("every service is ready", list(standing.ready), list(SERVICES))
    expect.equal("no message was left unprocessed", list(standing.dead_letters), [])
    events = sum(stage.subscriber.counts(stage.program).values())
    foreign = f"; {stage.subscriber.unreadable} records were no events" if stage.subscriber.unreadable else ""
    return f"{events} public events, each counted once; {stage.subscriber.duplicates} came again{foreign}"


async def _coordinators_see_the_same(stage: Stage) -> None:
    """Counts that too few people stand behind are hidden from the coordinator; no count may be another than ours."""
    done = {
        "engagements": len(stage.pairs),
        "agreed": stage.agreements,
        "sessions_logged": stage.sessions_held,
        "sessions_cancelled": stage.sessions_cancelled,
    }

    async def shown() -> dict[str, int]:
        path = f"/v1/programs/{stage.program}/engagements/health"
        counts = (await stage.coordinator.get("sessions", path)).body
        return {name: count if counts[name] is None else counts[name] for name, count in done.items()}

    await stage.expectations.eventually("the coordinator sees as many pairs and sessions as there were", shown, done)
