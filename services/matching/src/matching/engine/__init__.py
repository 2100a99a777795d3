"""The matching engine: pure functions over arrays, usable without the platform.

`problem_of(people) -> Problem`, `solve(problem) -> Matching`, then `explain` its pairs and say `why_not` to the others.
"""

from matching.engine.explanations import Explanation, explain
from matching.engine.people import Person, problem_of
from matching.engine.problem import BadProblem, Matching, Policy, Prefer, Problem, Weights
from matching.engine.rules import RULES, Rule
from matching.engine.solving import ProblemTooLarge, solve
from matching.engine.why_not import Side, WhyNot, why_not

__all__ = [
    "RULES",
    "BadProblem",
    "Explanation",
    "Matching",
    "Person",
    "Policy",
    "Prefer",
    "Problem",
    "ProblemTooLarge",
    "Rule",
    "Side",
    "Weights",
    "WhyNot",
    "explain",
    "problem_of",
    "solve",
    "why_not",
]
