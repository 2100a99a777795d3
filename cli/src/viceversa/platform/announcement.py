"""How a process that listens where it likes says where that is: a file with its pid and its address."""

import json
import os
from pathlib import Path


def announce(file: Path, address: str) -> None:
    """Say where this process listens."""
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps({"pid": os.getpid(), "address": address}), encoding="utf-8")
    beside.replace(file)


def announced(file: Path, pid: int) -> str | None:
    """Where the process of that pid listens; None before it has said so."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return str(said["address"]) if said["pid"] == pid else None
