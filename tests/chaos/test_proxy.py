"""The wire that faults cut."""

import socket
import threading
from collections.abc import Iterator

import pytest

from chaos.proxy import Proxy
from viceversa.platform.ports import Ports


@pytest.fixture
def wire() -> Iterator[Proxy]:
    """A wire to a server that says everything back."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=[connection], daemon=True).start()

    def echo(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)

    threading.Thread(target=answer, daemon=True).start()
    proxy = Proxy(server.getsockname()[1], Ports().choose(None))
    yield proxy
    proxy.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def connected(wire: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=5)


def said_back(connection: socket.socket, text: bytes) -> bytes:
    connection.sendall(text)
    return connection.recv(100)


def is_broken(connection: socket.socket) -> bool:
    try:
        return said_back(connection, b"is anybody there?") == b""
    except ConnectionError:
        return True


def test_what_is_sent_over_a_whole_wire_arrives(wire: Proxy):
    with connected(wire) as connection:
        assert said_back(connection, b"hello") == b"hello"


def test_a_cut_breaks_connections_and_refuses_new_ones_until_it_heals(wire: Proxy):
    with connected(wire) as connection:
        assert said_back(connection, b"before") == b"before"
        wire.cut(silently=False)
        assert is_broken(connection)
    with connected(wire) as connection:
        assert is_broken(connection)
    wire.heal()
    with connected(wire) as connection:
        assert said_back(connection, b"after") == b"after"


def test_over_a_silent_cut_nothing_passes_and_nobody_is_told_until_it_heals(wire: Proxy):
    with connected(wire) as connection:
        assert said_back(connection, b"before") == b"before"
        wire.cut(silently=True)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            said_back(connection, b"late")
        connection.settimeout(5)
        wire.heal()
        assert connection.recv(100) == b"late"
