"""`crash_point.py SERVICE GROUP FILE` runs a service that stands still for ever before it commits that group's offsets.

FILE appears when it does. A test then kills the process: its database has the effect, Kafka does not have the offset.
"""

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer


def main() -> None:
    service, group, file = sys.argv[1:]
    reached = Path(file)
    sys.argv[1:] = []
    commit = AIOKafkaConsumer.commit

    async def stand_still(consumer: AIOKafkaConsumer, *arguments: Any, **named: Any) -> None:
        if consumer._group_id != group:
            return await commit(consumer, *arguments, **named)
        reached.touch()
        return await asyncio.Event().wait()

    AIOKafkaConsumer.commit = stand_still
    importlib.import_module(f"{service}.main").main()


if __name__ == "__main__":
    main()
