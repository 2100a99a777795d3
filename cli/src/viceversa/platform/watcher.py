"""Outlives a supervisor that was killed, and stops what it left running.

Its standard input is a pipe from the supervisor, which closes when that one ends in whatever way. After an orderly end
nothing is registered any more; after `kill -9` everything is.
"""

import argparse
import sys
from pathlib import Path

from viceversa.platform.folder import CLEARING, DataFolder, FolderLock
from viceversa.platform.leftovers import stop_leftovers


def main() -> None:
    """Wait for the supervisor's end."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    folder = DataFolder(arguments.parse_args().folder)
    sys.stdin.buffer.read()
    lock = FolderLock(folder.lock)
    # Whoever holds it has started since, and stops what it finds by itself.
    if lock.take(CLEARING):
        stop_leftovers(folder.register)
        lock.free()


if __name__ == "__main__":
    main()
