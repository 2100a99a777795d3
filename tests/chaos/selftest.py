"""`make chaos-selftest`: is the checker worth anything? Each planted bug must be caught.

Ends with 0 only when every bug was named by an invariant that it breaks.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from chaos.campaign import PATHS, Options, Result, run, stop
from chaos.planted import BUGS, PlantedBug, plant
from integration.servers import Kind, choose

_WITHIN = 60.0


def main() -> int:
    """Run a short campaign for each bug."""
    parser = argparse.ArgumentParser(prog="make chaos-selftest", description=__doc__)
    parser.add_argument("--broker", choices=("kafka", "local"), default="kafka")
    parser.add_argument("--bugs", nargs="*", default=sorted(BUGS), help=f"some of: {'; '.join(sorted(BUGS))}")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, stop)
    kind = Kind.LOCAL if given.broker == "local" else choose().kind
    escaped = []
    for name in given.bugs:
        began = time.monotonic()
        caught = provoke(BUGS[name], kind)
        print(f"{'caught' if caught else 'ESCAPED'}  {name}  ({time.monotonic() - began:.0f} s)", flush=True)
        for violation in caught[:3]:
            print(f"        {violation}", flush=True)
        if not caught:
            escaped.append(name)
    print(f"{len(given.bugs) - len(escaped)} of {len(given.bugs)} planted bugs were caught")
    return 1 if escaped else 0


def provoke(bug: PlantedBug, kind: Kind) -> list[str]:
    """What the invariants that it breaks say of a platform with this bug."""
    with tempfile.TemporaryDirectory(prefix="viceversa-planted-") as folder:
        copy = plant(bug, Path(folder))
        result = _campaign(bug, kind, Path(folder), copy)
    return [
        f"{finding.name}: {violation}"
        for finding in result.findings
        if finding.name.startswith(bug.caught_by)
        for violation in finding.violations
    ]


def _campaign(bug: PlantedBug, kind: Kind, folder: Path, copy: Path) -> Result:
    options = Options(
        bug.seed,
        bug.seconds,
        bug.number,
        bug.faults,
        kind,
        folder / "work",
        within_seconds=_WITHIN,
        longest_rest=12.0,
        rebuilds=False,
        environment={"PYTHONPATH": f"{copy}:{PATHS}"},
    )
    return run(options, lambda _: None)


if __name__ == "__main__":
    sys.exit(main())
