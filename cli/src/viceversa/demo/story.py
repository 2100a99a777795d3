"""The plot: which acts there are, in which order, and what must be true when the curtain falls."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from viceversa.client import Refused
from viceversa.demo.acts.answers import answer_baseline, answer_pulse
from viceversa.demo.acts.matchmaking import answer_proposals, run_round
from viceversa.demo.acts.meetings import agree, meet
from viceversa.demo.acts.opening import open_program, sign_up
from viceversa.demo.acts.partings import ask_for_rematches
from viceversa.demo.acts.reckoning import reckon
from viceversa.demo.acts.withdrawal import withdraw
from viceversa.demo.stage import Stage


@dataclass(frozen=True, slots=True)
class Act:
    """One step of the story. `play` answers what happened, in a few words."""

    title: str
    play: Callable[[Stage], Awaitable[str]]


STORY = (
    Act("A program opens", open_program),
    Act("People sign up, by one file", sign_up),
    Act("First round of matching", run_round),
    Act("Mentors answer, then mentees", answer_proposals),
    Act("Pairs agree how they work together", agree),
    Act("Baseline: how it is before", answer_baseline),
    Act("First month", meet),
    Act("Pulse: how the session was", answer_pulse),
    Act("Second month", meet),
    Act("Pulse: how the session was", answer_pulse),
    Act("Some ask for another match", ask_for_rematches),
    Act("Second round, waiting people first", run_round),
    Act("Mentors answer, then mentees", answer_proposals),
    Act("New pairs agree", agree),
    Act("Baseline of the new pairs", answer_baseline),
    Act("Third month", meet),
    Act("Pulse: how the session was", answer_pulse),
    Act("A paired mentor leaves the program", withdraw),
    Act("Everything has arrived", reckon),
)


@dataclass(frozen=True, slots=True)
class Played:
    """How an act went."""

    title: str
    outcome: str
    seconds: float
    to_its_end: bool = True
    """False when it broke off, and the story with it."""


async def play(act: Act, stage: Stage) -> Played:
    """Play one act. A refusal or a lost connection is a missed expectation, not a traceback."""
    start = time.monotonic()
    try:
        outcome = await act.play(stage)
    except* (Refused, httpx.HTTPError, LookupError) as errors:
        outcome = "; ".join(str(error) or type(error).__name__ for error in _leaves(errors)[:3])
        stage.expectations.note(f"“{act.title}” is played to its end", met=False, seen=outcome)
        to_its_end = False
    else:
        to_its_end = True
    return Played(act.title, outcome, time.monotonic() - start, to_its_end)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
