"""A projection's name and tables are its own."""

from dataclasses import replace

import pytest

from events.runtime.projecting import AmbiguousProjections, check
from events.testing.tallies import AGREEMENTS, TOTALS, agreements, totals


def test_projections_with_names_and_tables_of_their_own_are_fine():
    check([TOTALS, AGREEMENTS])


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (replace(AGREEMENTS, name="totals"), "share totals"),
        (replace(AGREEMENTS, tables=(agreements, totals)), "share totals"),
        (replace(AGREEMENTS, tables=()), "agreements names no table"),
    ],
    ids=["name", "table", "none"],
)
def test_what_could_not_be_rebuilt_alone_is_refused(other, what):
    with pytest.raises(AmbiguousProjections, match=what):
        check([TOTALS, other])
