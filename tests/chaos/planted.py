"""Bugs to be planted in a copy of the runtime, each with the faults that bring it to light."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.faults.databases import HoldAppend
from chaos.faults.fault import Fault
from chaos.faults.messages import Poison, RepeatDeliveries
from chaos.faults.points import FailPoint

SOURCES = Path(__file__).resolve().parents[2] / "libs" / "events" / "src"


class NotPlanted(LookupError):
    """The text to replace is not in the sources, or is there more than once."""


@dataclass(frozen=True, slots=True)
class Change:
    """An exact replacement in one file of the runtime."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """A bug, the invariants of which at least one must name it, and the campaign that provokes it."""

    name: str
    changes: tuple[Change, ...]
    faults: Sequence[Fault]
    number: int
    seconds: float
    seed: int
    caught_by: tuple[str, ...]
    """First characters of the invariants' names."""


BUGS: Mapping[str, PlantedBug] = {
    bug.name: bug
    for bug in (
        PlantedBug(
            "drop the inbox check",
            (
                Change("applying.py", "            if message.id in seen:\n", "            if message.id in set():\n"),
                Change(
                    "inbox.py",
                    "    .order_by(_TAKEN.c.place),\n)\n",
                    "    .order_by(_TAKEN.c.place),\n).on_conflict_do_nothing()\n",
                ),
                Change("inbox.py", "    if written.rowcount < len(messages):\n", "    if not messages:\n"),
            ),
            (RepeatDeliveries(("viceversa.enrollment.restricted.v1",)),),
            number=10,
            seconds=20,
            seed=3,
            caught_by=("3", "4"),
        ),
        PlantedBug(
            "read by sequence without the gate",
            (
                Change(
                    "store.py",
                    "        tuple_(events.c.transaction_id, events.c.sequence)\n"
                    '        > tuple_(bindparam("transaction_id", type_=Xid8), '
                    'bindparam("sequence", type_=BigInteger)),\n'
                    "        events.c.transaction_id < func.pg_snapshot_xmin(func.pg_current_snapshot()),\n",
                    '        events.c.sequence > bindparam("sequence", type_=BigInteger),\n'
                    '        cast(bindparam("transaction_id", type_=Xid8), Xid8).is_not(None),\n',
                ),
                Change(
                    "store.py",
                    "    return statement.order_by(events.c.transaction_id, events.c.sequence)"
                    '.limit(bindparam("page", type_=Integer))\n',
                    '    return statement.order_by(events.c.sequence).limit(bindparam("page", type_=Integer))\n',
                ),
            ),
            (HoldAppend(),),
            number=4,
            seconds=12,
            seed=1,
            caught_by=("2", "3"),
        ),
        PlantedBug(
            "acknowledge first",
            (
                Change(
                    "subscription.py",
                    "        await consumer.handle(records, partitions)\n",
                    "        await partitions.commit()\n        await consumer.handle(records, partitions)\n",
                ),
            ),
            (FailPoint(("delivery before its effect",)),),
            number=3,
            seconds=16,
            seed=1,
            caught_by=("6",),
        ),
        PlantedBug(
            "skip the parked key",
            (Change("applying.py", "            if message.key in keys:\n", "            if message.key in set():\n"),),
            (Poison(("bad json",), given_up=0.0),),
            number=12,
            seconds=20,
            seed=1,
            caught_by=("6",),
        ),
    )
}


def plant(bug: PlantedBug, folder: Path) -> Path:
    """A copy of the sources with the bug in it; answers what to put first on PYTHONPATH. Raises NotPlanted."""
    copy = folder / "src"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for change in bug.changes:
        file = copy / "events" / "runtime" / change.file
        text = file.read_text()
        if text.count(change.old) != 1:
            raise NotPlanted(f"{bug.name}: {change.file} holds {text.count(change.old)} times what is to be replaced")
        file.write_text(text.replace(change.old, change.new))
    return copy
