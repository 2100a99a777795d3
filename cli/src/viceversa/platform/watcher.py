"""Outlives a supervisor that was killed, and stops what it left running.

Its standard input is a pipe from the supervisor. It says something there when it has stopped everything itself; the
pipe of one that was killed closes without a word.
"""

import argparse
import sys
import time
from pathlib import Path

from viceversa.platform.folder import CLEARING, SUPERVISOR, DataFolder, FolderLock
from viceversa.platform.leftovers import stop_leftovers
from viceversa.platform.refusal import PlatformRefused


def main() -> None:
    """Wait for the supervisor's end."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("supervisor", type=int)
    given = arguments.parse_args()
    folder = DataFolder(given.folder)
    if sys.stdin.buffer.read():
        return
    lock = FolderLock(folder.lock)
    # A dying supervisor's pipe may close a moment before its lock is free. The next one stops what it finds by itself.
    while not lock.take(CLEARING):
        holder = lock.holder(SUPERVISOR)
        if holder is not None and holder.pid != given.supervisor:
            return
        time.sleep(0.05)
    try:
        stop_leftovers(folder.register)
    except PlatformRefused as refusal:
        raise SystemExit(str(refusal)) from None
    finally:
        lock.free()


if __name__ == "__main__":
    main()
