"""Free TCP ports of this machine, the same ones as last time where possible."""

import random
import socket

# Below the ports that kernels hand out for outgoing connections (32768 and up on Linux, 49152 on macOS), so that none
# of those takes a port between its choice and its use.
_CHOICE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port is not taken by connections of its former server that are still closing.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
        return True


class Ports:
    """Hands out each port once."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def choose(self, former: int | None) -> int:
        """The former port if it is free, else any."""
        if former is not None and former not in self._given and is_free(former):
            self._given.add(former)
            return former
        while True:
            port = random.choice(_CHOICE)  # noqa: S311 - not a secret
            if port not in self._given and is_free(port):
                self._given.add(port)
                return port
