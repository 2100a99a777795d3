"""The release before the newest one survives its migrations."""

from pathlib import Path

import sessions
from events.testing.expansions import objections


def test_every_migration_expands_or_names_the_release_that_needed_what_it_takes_away():
    assert objections(Path(sessions.__file__).with_name("migrations")) == []
