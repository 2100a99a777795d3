"""A small HTTP/1.1 client on bare sockets: keeps connections open, one request at a time on each."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"
_SUCCESS = b"2"


class Refused(RuntimeError):
    """The service did not answer with success."""


@dataclass(frozen=True, slots=True)
class Request:
    """A POST of JSON with a bearer token."""

    url: str
    token: str
    body: bytes

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        parts = urlsplit(self.url)
        head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\nauthorization: Bearer {self.token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


class Connection(asyncio.Protocol):
    """One connection to a service."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answered: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, url: str) -> "Connection":
        """Connect to the service at this URL."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, parts.hostname or "127.0.0.1", parts.port or 80)
        return connection

    async def post(self, request: bytes) -> None:
        """Send an encoded request and wait for its whole answer. Raises Refused."""
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._answered

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect an answer; settle when its body is whole."""
        self._received += data
        end = self._received.find(_END)
        if end < 0:
            return
        length = _LENGTH.search(self._received, 0, end + 2)
        if len(self._received) < end + len(_END) + int(length[1] if length else 0):
            return
        status, answer = self._received[9:12], bytes(self._received)
        self._received.clear()
        if self._answered is None or self._answered.done():
            return
        if status.startswith(_SUCCESS):
            self._answered.set_result(None)
        else:
            self._answered.set_exception(Refused(answer.decode(errors="replace")))

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits learns it."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(Refused(f"connection lost: {error}"))
