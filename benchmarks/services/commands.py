"""Commands of the measured services. Each builds a Command; nothing is done here."""

from datetime import datetime
from uuid import UUID

from benchmarks.services import domain
from benchmarks.services.domain import BILL, METER, MeterStream
from events.runtime.private_events import Event
from events.runtime.streams import Command, Streams


def take_reading(meter: UUID, unit: str, note: str, *, now: datetime, actor: UUID | None = None) -> Command:
    """Read a meter one higher than it stood."""
    stream = METER.stream(meter)

    def decide(streams: Streams) -> list[tuple[MeterStream, Event]]:
        state = streams[stream]
        return [(stream, event) for event in domain.take_reading(state, state.last + 1, unit, note)]

    return Command(loads=(stream,), decide=decide, at=now, actor=actor, correlation=meter)


def bill(meter: UUID, reading: int, unit: str, note: str, *, now: datetime) -> Command:
    """Bill what a meter counted since the last bill."""
    stream = BILL.stream(meter)
    return Command(
        loads=(stream,),
        decide=lambda streams: [(stream, event) for event in domain.bill(streams[stream], reading, unit, note)],
        at=now,
    )
