"""The domain that is measured: meters, their readings, and what is billed for them. Pure, and as small as can be."""

from dataclasses import dataclass
from typing import ClassVar

from events.runtime.private_events import Event
from events.runtime.refusals import Refusal
from events.runtime.streams import Category, Stream


class MeterInstalled(Event):
    """A meter begins to count."""

    type: ClassVar[str] = "MeterInstalled"
    place: str


class ReadingTaken(Event):
    """Somebody read the meter."""

    type: ClassVar[str] = "ReadingTaken"
    reading: int
    unit: str
    note: str


class ReadingBilled(Event):
    """What the meter counted was put on the bill."""

    type: ClassVar[str] = "ReadingBilled"
    reading: int
    unit: str
    note: str


class ReadingFell(Refusal):
    """A meter never counts backwards."""

    slug, status, title = "reading-fell", 409, "A meter never counts backwards"


@dataclass(frozen=True, slots=True)
class Meter:
    """What a decision needs to know of a meter, or of the bill for it."""

    installed: bool = False
    last: int = 0


MeterStream = Stream[Meter]


def take_reading(meter: Meter, reading: int, unit: str, note: str) -> list[Event]:
    """Record a reading; a meter's first reading installs it."""
    if reading < meter.last:
        raise ReadingFell
    taken = ReadingTaken(reading=reading, unit=unit, note=note)
    return [taken] if meter.installed else [MeterInstalled(place="cellar"), taken]


def bill(bill: Meter, reading: int, unit: str, note: str) -> list[Event]:
    """Bill a reading once, whatever the order in which readings arrive."""
    return [ReadingBilled(reading=reading, unit=unit, note=note)] if reading > bill.last else []


def evolve(meter: Meter, event: Event) -> Meter:
    """A meter, or the bill for it, after an event."""
    match event:
        case MeterInstalled():
            return Meter(installed=True)
        case ReadingTaken() | ReadingBilled():
            return Meter(installed=True, last=event.reading)
    return meter


METER = Category("meter", Meter(), evolve)
BILL = Category("bill", Meter(), evolve)
METERING_EVENTS = (MeterInstalled, ReadingTaken)
BILLING_EVENTS = (ReadingBilled,)
