"""The hard rules, each in one file. A new rule is one file and one line here."""

from matching.engine.rules.apart import APART
from matching.engine.rules.grade_gap import GRADE_GAP
from matching.engine.rules.languages import LANGUAGES
from matching.engine.rules.regions import REGIONS
from matching.engine.rules.reporting_line import REPORTING_LINE
from matching.engine.rules.rule import Rule, allowed, whole
from matching.engine.rules.working_hours import WORKING_HOURS

RULES: tuple[Rule, ...] = (GRADE_GAP, REPORTING_LINE, LANGUAGES, WORKING_HOURS, REGIONS, APART)
"""In the order in which people read them."""

__all__ = ["RULES", "Rule", "allowed", "whole"]
