"""Memory as small disks that can be filled, where this user may mount any."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from integration.servers import Kind

_MEGABYTES = {"postgres": 900, "kafka": 500}
"""More than a campaign writes, so that it is a fault that fills them."""


def mounted(stack: ExitStack, kind: Kind, folder: Path) -> tuple[dict[str, Path], str]:
    """Disks by server, until the stack is closed; and why there are none."""
    if kind is Kind.CONTAINERS:
        return {}, "a container's disk is the engine's"
    if kind is Kind.LOCAL:
        return {}, "the local broker keeps nothing on a disk"
    disks = {}
    for name, megabytes in _MEGABYTES.items():
        disk = folder / f"{name}-disk"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "viceversa-chaos", str(disk)]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            return {}, f"no small disk can be mounted: {mounted.stderr.strip()}"
        stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=True)
        disks[name] = disk
    return disks, ""
