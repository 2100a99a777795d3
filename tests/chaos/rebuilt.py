"""`python -m chaos.rebuilt SERVICE`: the runtime makes every projection again beside the live one, and compares them.

Run with the service's environment. Prints a JSON line a table. The checker takes it beside its own folds.
"""

import asyncio
import importlib
import json
import sys
from contextlib import suppress

from events.runtime.comparing import Comparison
from events.runtime.leadership import LeadershipLost
from events.runtime.projecting import Projection
from events.runtime.rebuilding import compare
from events.runtime.service import Service

_TRIES = 5


async def compare_all(name: str) -> None:
    """Every projection of a service, one after the other."""
    settings = importlib.import_module(f"{name}.settings").Settings()
    service = Service(importlib.import_module(f"{name}.main").definition(settings), settings)
    try:
        for projection in service.definition.projections:
            comparison = await _compared(service, projection)
            for table in comparison.tables:
                keys = [str(dict(key)) for key in table.keys]
                said = {"table": f"{name}.{table.table}", "rows": table.rows, "keys": keys}
                print(json.dumps({**said, "only_live": table.only_live, "only_rebuilt": table.only_rebuilt}))
    finally:
        await service.close()


async def _compared(service: Service, projection: Projection) -> Comparison:
    """On a machine that has no time for it, a process loses its lead and begins again."""
    for _ in range(_TRIES):
        with suppress(LeadershipLost):
            return await compare(service.settings.database_url, projection, service.codec)
    raise TimeoutError(f"{projection.name} could not be rebuilt in {_TRIES} tries")


if __name__ == "__main__":
    asyncio.run(compare_all(sys.argv[1]))
