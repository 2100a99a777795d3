"""Every version of every private event that was ever written is kept, and reads."""

from pathlib import Path

import pytest

from events.testing.golden import Goldens
from feedback import domain

GOLDENS = Goldens(Path(__file__).with_name("golden"), domain.EVENTS)


def test_a_golden_of_every_version_is_kept_as_it_was():
    GOLDENS.check()


@pytest.mark.parametrize("event_type", GOLDENS.events, ids=lambda event_type: event_type.type)
def test_an_event_is_written_as_its_version_says(event_type):
    GOLDENS.check_shape(event_type)


@pytest.mark.parametrize("name", GOLDENS.names)
def test_a_version_reads_whoever_may_read_it(name):
    GOLDENS.check_read(name)
