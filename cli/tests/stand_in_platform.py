"""`viceversa up` with other services: a supervisor that a test can kill. Arguments: folder, services as JSON."""

import asyncio
import json
import sys
from pathlib import Path

from viceversa.platform.foreground import run_until_signalled
from viceversa.platform.screen import SteadyConsole

if __name__ == "__main__":
    services = json.loads(sys.argv[2])
    asyncio.run(run_until_signalled(Path(sys.argv[1]), None, SteadyConsole(), services=services))
