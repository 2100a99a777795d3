"""A wire between services and a server that can be cut: refused, or silent as behind a router that died."""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

_CHUNK = 65_536


class Proxy:
    """Passes TCP connections on to `port` of this machine, from a thread of its own."""

    def __init__(self, port: int, listen: int) -> None:
        self.port = listen
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._whole = asyncio.Event()
        self._refusing = False
        self._connections: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {listen}", daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._run(self._listen())

    def cut(self, *, silently: bool) -> None:
        """From now on connections break and new ones are refused; or, silently, no byte passes either way."""
        self._run(self._cut(silently=silently))

    def heal(self) -> None:
        """Bytes pass again; those of a silent cut arrive late, as TCP would send them again."""
        self._run(self._heal())

    def close(self) -> None:
        """End it."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> asyncio.Server:
        self._whole.set()
        return await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)

    async def _cut(self, *, silently: bool) -> None:
        if silently:
            self._whole.clear()
            return
        self._refusing = True
        for writer in tuple(self._connections):
            writer.transport.abort()

    async def _heal(self) -> None:
        self._refusing = False
        self._whole.set()

    async def _close(self) -> None:
        self._server.close()
        self._whole.set()
        for writer in tuple(self._connections):
            writer.transport.abort()
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await task

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        self._connections.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self._connections.discard(writer)
            writer.transport.abort()
            return
        self._connections.add(back)
        for each in (writer, back):
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._connections -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort() if writer.is_closing() else writer.close()
