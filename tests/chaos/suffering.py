"""Faults, each at its time, whatever the one before is doing; and processes that end by themselves, started again."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from chaos.fates import Fate, Missed, Suffered, told
from chaos.faults.fault import Fault
from chaos.ground import Ground
from chaos.schedule import Injection

_LOOK_EVERY = 0.3


async def suffer(
    ground: Ground,
    faults: Mapping[str, Fault],
    schedule: Sequence[Injection],
    loading: "asyncio.Task[None]",
    say: Callable[[str], None],
) -> list[Suffered]:
    """Suffer the whole schedule; answers what became of each fault of it. A load that dies ends the campaign."""
    began = time.monotonic()
    hit: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def one(injection: Injection) -> Suffered:
        await asyncio.sleep(injection.at)
        fault = faults[injection.fault]
        # What was hit before may take longer to come back than the schedule gave it.
        async with hit[fault.target(injection.parameters)]:
            at = time.monotonic() - began
            say(f"{at:6.1f} s  {told(injection)} begins")
            missed = await carry_out(fault, ground, injection)
            suffered = Suffered(injection, at, Fate.CARRIED_OUT)
            if missed is not None:
                suffered = Suffered(injection, at, missed.fate, str(missed))
            say(f"{time.monotonic() - began:6.1f} s  {suffered.what}: {suffered.came}")
            return suffered

    async def all_of_them() -> list[Suffered]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(injection)) for injection in schedule]
        return [task.result() for task in tasks]

    happening = asyncio.create_task(all_of_them())
    supervising = asyncio.create_task(supervise(ground, hit))
    done, _ = await asyncio.wait({happening, loading, supervising}, return_when=asyncio.FIRST_COMPLETED)
    for task in (happening, supervising):
        task.cancel()
    await asyncio.wait({happening, supervising})
    for task in done:
        task.result()
    return happening.result()


async def carry_out(fault: Fault, ground: Ground, injection: Injection) -> Missed | None:
    """Inject it, let it last, heal it whatever came of it; answers what was missed of it."""
    missed: Missed | None = None
    try:
        await fault.inject(ground, injection.parameters)
        await asyncio.sleep(injection.lasts)
    except Missed as reason:
        missed = reason
    finally:
        try:
            await fault.heal(ground, injection.parameters)
        except Missed as reason:
            missed = missed or reason
    return missed


async def supervise(ground: Ground, hit: Mapping[str, asyncio.Lock]) -> None:
    """Start what ended by itself, as whoever runs the services must; what a fault holds down stays down."""
    while True:
        for name, service in ground.platform.services.items():
            if not service.runs and not hit[f"service {name}"].locked():
                ground.restart(name)
        await asyncio.sleep(_LOOK_EVERY)
