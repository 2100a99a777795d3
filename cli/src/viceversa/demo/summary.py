"""What the demo came to: the figures of `summary.json`, the same by region, and the journey of one pair."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from viceversa.demo.facts import REGIONS
from viceversa.demo.stage import Stage
from viceversa.demo.subscriber import Heard


@dataclass(frozen=True, slots=True)
class TraceFigures:
    """The withdrawal's trace. `orphans` counts spans whose parent is missing."""

    trace_id: str
    spans: int
    services: list[str]
    orphans: int


@dataclass(frozen=True, slots=True)
class Summary:
    """`summary.json`. `public_events` counts what another system heard, each `ce_id` once."""

    participants: int
    rejected_rows: int
    pairs: int
    unmatched: int
    """Left waiting by the last round."""
    sessions_logged: int
    sessions_cancelled: int
    feedback: int
    rematches: int
    public_events: dict[str, int]
    dead_letters: int
    trace: TraceFigures
    seconds: float

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class RegionFigures:
    """One line of the table. A pair counts where its mentor works, an answer where it was given."""

    region: str
    mentors: int
    mentees: int
    pairs: int
    across: int
    """Of these pairs, those whose mentee works in another region."""
    sessions: int
    answers: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Step:
    """One public event of a pair's journey."""

    at: datetime
    event: str
    service: str
    trace_id: str


def summarise(stage: Stage, seconds: float) -> Summary:
    """The figures of a story that is over, or has broken off."""
    return Summary(
        participants=len(stage.participants),
        rejected_rows=stage.rejected_rows,
        pairs=len(stage.pairs),
        unmatched=len(stage.rounds[-1].unmatched) if stage.rounds else 0,
        sessions_logged=stage.sessions_held,
        sessions_cancelled=stage.sessions_cancelled,
        feedback=stage.sheets_answered,
        rematches=stage.rematches,
        public_events=dict(sorted(stage.subscriber.counts(stage.program).items())),
        dead_letters=stage.dead_letters,
        trace=TraceFigures(
            trace_id=stage.trace.trace_id,
            spans=len(stage.trace.spans),
            services=stage.trace.services,
            orphans=len(stage.trace.orphans),
        ),
        seconds=round(seconds, 1),
    )


def by_region(stage: Stage) -> list[RegionFigures]:
    """The same by region."""
    answers = Counter(event.data["region"] for event in _heard(stage) if event.name == "FeedbackSubmitted")
    unmatched = Counter(
        stage.participants[one["participant"]].region for one in (stage.rounds[-1].unmatched if stage.rounds else ())
    )
    return [
        RegionFigures(
            region=region,
            mentors=sum(one.region == region and one.role == "mentor" for one in stage.participants.values()),
            mentees=sum(one.region == region and one.role == "mentee" for one in stage.participants.values()),
            pairs=sum(pair.mentor.region == region for pair in stage.pairs),
            across=sum(pair.mentor.region == region != pair.mentee.region for pair in stage.pairs),
            sessions=sum(pair.sessions for pair in stage.pairs if pair.mentor.region == region),
            answers=answers[region],
            waiting=unmatched[region],
        )
        for region in REGIONS
    ]


def journey(stage: Stage) -> Sequence[Step]:
    """What other systems heard of the pair whose mentor left, from their sign-ups to the end."""
    pair = stage.withdrawn
    if pair is None:
        return []
    return [
        Step(event.at, _told(event), event.source.rpartition("/")[2], event.trace_id or "")
        for event in _heard(stage)
        if event.data.get("pair") == pair.id or event.data.get("participant") in {pair.mentor.id, pair.mentee.id}
    ]


def _heard(stage: Stage) -> list[Heard]:
    return stage.subscriber.events(lambda event: event.data.get("program") == stage.program)


def _told(event: Heard) -> str:
    match event.name:
        case "ParticipantEnrolled":
            return f"{event.name}, as {event.data['role']} in {event.data['region']}"
        case "SessionLogged":
            return f"{event.name}, number {event.data['number']}, {event.data['minutes']} minutes"
        case name:
            return name
