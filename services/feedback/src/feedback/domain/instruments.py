"""The sets of questions, and what each form promises about its answers.

`baseline` asks for confidence in feedback up the hierarchy, in the seven areas that were measured before and after
reverse mentoring by Raju et al., "Does reverse mentoring work in the NHS: a feasibility study of clinicians in
practice", BMJ Open 2022;12:e062361, https://doi.org/10.1136/bmjopen-2022-062361 (a sum out of 35, which rose from 23
to 29). The wording is ours and fits any trade; the senior side is asked for the mirror of it.
`pulse` follows every session. Wording is never edited in place: a change is a new edition, so that old answers keep
the questions they were given to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from events.contracts.kinds import Role

BASELINE = "baseline"
PULSE = "pulse"
RATINGS = range(1, 6)
"""1 is least, 5 is most."""
COMMENT_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """One edition of a set of questions: for each role, item → text, in the order of the form."""

    name: str
    edition: int
    title: str
    scale: str
    questions: Mapping[Role, Mapping[str, str]]
    wanted_within: timedelta
    """When the to-do list calls it due. Later answers count until the sheet closes."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many people must stand behind a table before it may show anything; frozen when the program opened."""

    ratings: int
    comments: int


_BASELINE_1 = Instrument(
    name=BASELINE,
    edition=1,
    title="Before you start: feedback between juniors and seniors",
    scale="1 = not at all confident, 5 = very confident",
    questions={
        Role.MENTOR: {
            "craft": "I can tell a senior colleague honestly how they do their daily work.",
            "juniors": "I can tell a senior colleague honestly how they treat people junior to them.",
            "approachability": "I can tell a senior colleague honestly how easy or hard they are to approach.",
            "technology": "I can tell a senior colleague honestly how they use technology.",
            "time": "I can tell a senior colleague honestly how they handle their own and others' time.",
            "strengths": "I can tell a senior colleague what they do well.",
            "improvement": "I can tell a senior colleague what they should do differently.",
        },
        Role.MENTEE: {
            "craft": "I can ask a junior colleague for an honest word on how I do my daily work, and take it.",
            "juniors": "I can ask a junior colleague for an honest word on how I treat juniors, and take it.",
            "approachability": "I can ask a junior colleague how easy or hard I am to approach, and take the answer.",
            "technology": "I can ask a junior colleague for an honest word on how I use technology, and take it.",
            "time": "I can ask a junior colleague how I handle my own and others' time, and take the answer.",
            "strengths": "I can ask a junior colleague what I do well, and believe the answer.",
            "improvement": "I can ask a junior colleague what I should do differently, and act on it.",
        },
    },
    wanted_within=timedelta(days=14),
)
_PULSE_1 = Instrument(
    name=PULSE,
    edition=1,
    title="After session",
    scale="1 = not at all, 5 = very much",
    questions={
        Role.MENTOR: {
            "satisfaction": "I am glad of the person I was matched with.",
            "useful": "This session was worth the time.",
            "candour": "I could say what I really think.",
            "taken_up": "What I brought was heard and taken seriously.",
        },
        Role.MENTEE: {
            "satisfaction": "I am glad of the person I was matched with.",
            "useful": "This session was worth the time.",
            "candour": "I heard what my mentor really thinks.",
            "learned": "I learned something that I will use.",
        },
    },
    wanted_within=timedelta(days=7),
)

EDITIONS: Mapping[tuple[str, int], Instrument] = {(each.name, each.edition): each for each in (_BASELINE_1, _PULSE_1)}
CURRENT: Mapping[str, Instrument] = {each.name: each for each in (_BASELINE_1, _PULSE_1)}


def instrument(name: str, edition: int) -> Instrument:
    """The questions that a sheet was made from."""
    return EDITIONS[name, edition]


def promise(thresholds: Thresholds) -> str:
    """What a form says about who will see its answers: made from the thresholds that every report has to obey."""
    return (
        "Nobody reads your answers: not the other side of your pair, not a coordinator, not an administrator. "
        f"Ratings may only be reported together, in tables of at least {thresholds.ratings} people, "
        f"and comments only where at least {thresholds.comments} people answered. "
        "Comments would be shown as you wrote them, so leave out what only you could have written. "
        "Whether you answered is never stated either; but a pair is two people, "
        "and what one of you did not write, the other may guess is yours. "
        "Nobody watches this form: if something is wrong or unsafe, "
        "turn to a person you trust outside both your reporting lines."
    )


def request_promise() -> str:
    """What the form for another match says, before it is sent, about who will learn of it."""
    return (
        "You cannot take this back: the pair ends at the next full hour, together with all others that are due then. "
        "Who asked, and why, is never stated. With two people in a pair the other can guess."
    )
