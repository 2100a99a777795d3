"""Start the platform by docker compose on free ports, run the demo against it, take it down.

What it shows is that the images, the roles of the databases and the topics are right: the demo itself sees only URLs.
Arguments are handed on to `viceversa demo`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from viceversa.platform.ports import Ports
from viceversa.platform.services import SERVICES

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".viceversa" / "compose"


def main() -> int:
    """Run it; answers the demo's exit status."""
    spans = DATA / "spans"
    spans.mkdir(parents=True, exist_ok=True)
    # The services in the containers are another user.
    spans.chmod(0o777)
    for file in spans.glob("*.jsonl"):
        file.unlink()
    free = Ports()
    ports = {name: free.choose(None) for name in ("kafka", "identity-provider", *SERVICES)}
    environment = {**os.environ, "SPANS": str(spans)}
    environment |= {f"{name.upper().replace('-', '_')}_PORT": str(port) for name, port in ports.items()}

    def compose(*arguments: str) -> int:
        return subprocess.run(["docker", "compose", *arguments], cwd=ROOT, env=environment, check=False).returncode

    try:
        # In a step of its own: what is built at once with starting has no time limit of its own.
        print("Building the images…", flush=True)
        if compose("build", "--quiet") != 0:
            return 1
        print("Starting the platform…", flush=True)
        if compose("--progress=quiet", "up", "--detach", "--wait") != 0:
            compose("logs", "--tail=40")
            return 1
        description = DATA / "platform.json"
        description.write_text(json.dumps(_description(ports, spans), indent=2) + "\n", encoding="utf-8")
        return subprocess.run(
            [Path(sys.executable).with_name("viceversa"), "demo", "--platform", description, *sys.argv[1:]],
            cwd=ROOT,
            check=False,
        ).returncode
    finally:
        compose("--progress=quiet", "down", "--volumes")


def _description(ports: dict[str, int], spans: Path) -> dict[str, object]:
    return {
        "state": "running",
        "broker": "kafka",
        "services": {name: {"url": f"http://127.0.0.1:{ports[name]}", "pid": None} for name in SERVICES},
        "kafka": f"localhost:{ports['kafka']}",
        "identity_provider": f"http://127.0.0.1:{ports['identity-provider']}",
        "spans": str(spans),
    }


if __name__ == "__main__":
    raise SystemExit(main())
