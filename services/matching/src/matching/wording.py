"""Reasons as people read them. Wishes, history and whatever concerns fewer than five people are never told apart."""

from typing import Any

from matching import engine
from matching.domain.round import Explanation, RoundPolicy, Unmatched

SMALLEST_COUNT = 5
"""Counts below this are merged: a smaller one could point at somebody."""

_OTHER = "Other wishes were taken into account."
_REST = "Other wishes, and reasons that concern fewer than five people, were taken into account."
_MINUTES = 60


def explanation_text(explanation: Explanation) -> str:
    """Why these two: what each can teach, when and in which language they can meet, and one neutral line."""
    hours = explanation.overlap_minutes / _MINUTES
    sentences = [
        _teaches("mentor", explanation.mentor_teaches),
        _teaches("mentee", explanation.mentee_teaches),
        f"Both speak {_listed(explanation.languages)} and share {hours:.3g} working hours a day.",
        _OTHER,
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def why_not_reasons(unmatched: Unmatched, policy: RoundPolicy) -> list[dict[str, Any]]:
    """Why somebody was left out, most telling first: `reason`, `people` (None below five), `sentence`.

    Rules overlap: the same people may be counted under several. The last line is always there, so it tells nothing.
    """
    if unmatched.others == 0:
        return [{"reason": "nobody_there", "people": None, "sentence": "Nobody on the other side was waiting."}]
    limits = engine.Policy(
        minimum_grade_gap=policy.minimum_grade_gap,
        minimum_overlap_minutes=round(policy.minimum_overlap_hours * _MINUTES),
    )
    counted = [
        {
            "reason": rule.name,
            "people": unmatched.removed[rule.name],
            "sentence": f"{unmatched.removed[rule.name]} of {unmatched.others} {rule.sentence(limits)}.",
        }
        for rule in engine.RULES
        if not rule.private and unmatched.removed.get(rule.name, 0) >= SMALLEST_COUNT
    ]
    counted.sort(key=lambda reason: -int(str(reason["people"])))
    return [*counted, *_taken(unmatched), {"reason": "other_wishes", "people": None, "sentence": _REST}]


def _taken(unmatched: Unmatched) -> list[dict[str, Any]]:
    if unmatched.taken >= SMALLEST_COUNT:
        sentence = f"{unmatched.taken} were possible, but the best for all was to give their places to others."
        return [{"reason": "taken", "people": unmatched.taken, "sentence": sentence}]
    return []


def _teaches(role: str, topics: tuple[str, ...]) -> str:
    return f"The {role} can teach {_listed(topics)}." if topics else ""


def _listed(words: tuple[str, ...]) -> str:
    *first, last = words or ("a common language",)
    return f"{', '.join(first)} and {last}" if first else last
