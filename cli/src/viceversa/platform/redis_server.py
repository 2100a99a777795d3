"""A Redis for the local platform: fakeredis behind its TCP server, as a process of its own. It keeps nothing."""

import argparse
import os
import signal
import threading

from fakeredis import TcpFakeServer


def main() -> None:
    """Run until a signal ends the process."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    server = TcpFakeServer(("127.0.0.1", arguments.parse_args().port))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait(ending)
    # Its threads wait for their clients to hang up first; there is nothing to save.
    os._exit(0)


if __name__ == "__main__":
    main()
