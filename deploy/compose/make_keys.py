"""Keys for one machine, made once: each service finds its own in a volume that no other service mounts."""

import shutil
from pathlib import Path

from viceversa.platform.keys import Keys
from viceversa.platform.services import SERVICES


def main(root: Path) -> None:
    """Make what is missing below `root`, a folder a service."""
    for service in SERVICES:
        Keys(root / service, data_exists=False).key_encryption(service)
    enrollment = Keys(root / "enrollment", data_exists=False)
    enrollment.blind_index()
    enrollment.token_signing()
    shutil.copy2(enrollment.transport(), root / "matching")
    Keys(root / "identity-provider", data_exists=False).identity_provider()


if __name__ == "__main__":
    main(Path("/keys"))
